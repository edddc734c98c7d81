using System.Text;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Wire;
using Xunit;

namespace DistillEngine.Tests.Teacher.Wire;

public class AnswerBodyTests
{
    [Theory]
    [InlineData("""{"choices":[{"text":"a"}]}""", "a")]
    [InlineData("""{"choices":[{"text":""}]}""", "")]
    [InlineData("""{"choices":[{"index":1,"text":"b"},{"index":0,"text":"a"}]}""", "a")]
    [InlineData("""{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}}]}""", "ab")]
    [InlineData("""{"choices":[{"message":{"content":null,"refusal":"I cannot."}}]}""", "I cannot.")]
    [InlineData("""{"choices":[{"message":{"content":null},"finish_reason":"content_filter"}]}""", "")]
    [InlineData("""{"choices":[{"message":{"content":null,"reasoning":"hm"},"finish_reason":"length"}]}""", "")]
    [InlineData("""{"choices":[{"message":{"content":"a"},"finish_reason":7}],"usage":"none","model":null,"id":5}""", "a")]
    [InlineData("""{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":-1,"completion_tokens":"3"}}""", "a")]
    [InlineData("\ufeff{\"choices\":[{\"text\":\"a\"}]}", "a")]
    [InlineData("""{"error":"","choices":[{"text":"a"}]}""", "a")]
    [InlineData("""{"error":false,"choices":[{"text":"a","error":0}]}""", "a")]
    [InlineData("""{"choices":[{"index":0,"text":null},{"index":1,"text":"a"}]}""", "a")]
    public void Read_OfAnyShape_FindsTheText(string body, string text)
    {
        TeacherReply reply = AnswerBody.Read(Encoding.UTF8.GetBytes(body));
        Assert.True(reply.IsAnswer, reply.Error);
        Assert.Equal(text, reply.Text);
        Assert.Null(reply.Usage);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"choices":null}""")]
    [InlineData("""{"choices":[null]}""")]
    [InlineData("""{"choices":[[]]}""")]
    [InlineData("""{"choices":[{"message":"text"}]}""")]
    [InlineData("""{"choices":[{"message":{"content":{}}}]}""")]
    [InlineData("""{"choices":[{"text":"\ud83d"}]}""")]
    [InlineData("data: {\"choices\":[]}")]
    public void Read_WithoutAnAnswer_IsAnErrorThatCanBeRepeated(string body)
    {
        TeacherReply reply = AnswerBody.Read(Encoding.UTF8.GetBytes(body));
        Assert.Equal(TeacherErrorKind.BadReply, reply.ErrorKind);
        Assert.NotNull(reply.Error);
    }

    [Theory]
    [InlineData("reasoning_content")]
    [InlineData("reasoning")]
    public void Read_OfReasoning_KeepsItApart(string name)
    {
        TeacherReply reply = AnswerBody.Read(Encoding.UTF8.GetBytes("{\"choices\":[{\"message\":{\"content\":\"a\",\"" + name + "\":\"hm\"}}]}"));
        Assert.Equal(("a", "hm"), (reply.Text, reply.Reasoning));
    }

    [Theory]
    [InlineData("""{"choices":[{"index":2,"text":"c"},{"index":0,"text":"a"},{"index":1,"text":"b"}]}""", "a,b,c")]
    [InlineData("""{"choices":[{"index":0,"text":"a"},{"index":0,"text":"b"}]}""", "a,b")]
    [InlineData("""{"choices":[{"text":"a"},{"text":"b"},{"text":"c"},{"text":"d"}]}""", "a,b,c")]
    [InlineData("""{"choices":[{"index":0,"text":"a"},null,{"index":1,"error":{"message":"busy"}},{"index":2,"text":"c"}]}""", "a,c")]
    public void Read_OfSeveralChoices_TakesThoseWithATextInTheirOrder(string body, string texts)
    {
        TeacherReply reply = AnswerBody.Read(Encoding.UTF8.GetBytes(body), count: 3);
        Assert.Equal(texts, string.Join(",", reply.Further.Select(choice => choice.Text).Prepend(reply.Text)));
    }
}
