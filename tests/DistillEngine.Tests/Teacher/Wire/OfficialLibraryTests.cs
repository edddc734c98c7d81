#pragma warning disable OPENAI001 // Seeds and the factory of answers are marked as experimental there.
using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Wire;
using OpenAI;
using OpenAI.Chat;
using Xunit;

namespace DistillEngine.Tests.Teacher.Wire;

/// <summary>The official library, used here alone, as the measure of what servers and clients say to each other.</summary>
public class OfficialLibraryTests
{
    [Fact]
    public async Task OfficialClient_AskingOurServer_UnderstandsIt()
    {
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        var client = new ChatClient("fake-1", new ApiKeyCredential("sk-1"), new OpenAIClientOptions
        {
            Endpoint = new Uri(server.BaseUrl), RetryPolicy = new ClientRetryPolicy(0),
        });
        ChatCompletion answer = await client.CompleteChatAsync([new UserChatMessage("Is 0 a number?")],
            cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(server.Answer("Is 0 a number?"), answer.Content[0].Text);
        Assert.Equal((40, 20, 8), (answer.Usage.InputTokenCount, answer.Usage.OutputTokenCount, answer.Usage.InputTokenDetails.CachedTokenCount));
    }

    [Fact]
    public async Task OurClient_Asking_SendsWhatTheOfficialClientSends()
    {
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        var official = new ChatClient("fake-1", new ApiKeyCredential("sk-1"), new OpenAIClientOptions
        {
            Endpoint = new Uri(server.BaseUrl), RetryPolicy = new ClientRetryPolicy(0),
        });
        TeacherRequest request = TeacherFixtures.Request(isChat: true);
        var options = new ChatCompletionOptions { MaxOutputTokenCount = request.Parameters.MaxTokens, Temperature = (float)request.Parameters.Temperature! };
        options.Seed = request.Seed;
        foreach (string stop in request.Parameters.Stop) options.StopSequences.Add(stop);
        await official.CompleteChatAsync([new SystemChatMessage("Think."), new UserChatMessage("Is 0 a number?")], options,
            TestContext.Current.CancellationToken);
        Assert.Equal(Canonical(server.Requests.Single().Body), Canonical(RequestBody.ToBytes(request, limitsCompletion: true)));
        Assert.Equal("/v1/chat/completions", server.Requests.Single().Path);
    }

    [Fact]
    public void OurReader_OfWhatTheOfficialTypesWrite_FindsTheSame()
    {
        ChatCompletion official = OpenAIChatModelFactory.ChatCompletion(id: "c-1", model: "m-1", finishReason: ChatFinishReason.Stop,
            role: ChatMessageRole.Assistant,
            content: new ChatMessageContent("It follows. So the answer is yes."),
                usage: OpenAIChatModelFactory.ChatTokenUsage(inputTokenCount: 11, outputTokenCount: 7));
        TeacherReply reply = AnswerBody.Read(ModelReaderWriter.Write(official).ToMemory());
        Assert.True(reply.IsAnswer, reply.Error);
        Assert.Equal((official.Content[0].Text, "stop", "m-1", "c-1"), (reply.Text, reply.Finish, reply.Model, reply.RequestId));
        Assert.Equal((11L, 7L), (reply.Usage!.Input, reply.Usage.Output));
    }

    /// <summary>The members with sorted names; a message's content may be a text or a list of one text.</summary>
    static string Canonical(ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return Write(document.RootElement);

        static string Write(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.Object =>
                "{" + string.Join(",", element.EnumerateObject().OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => $"{p.Name}:{Write(p.Value)}")) + "}",
            JsonValueKind.Array when element.GetArrayLength() == 1 && element[0].ValueKind == JsonValueKind.Object
                && element[0].TryGetProperty("text", out JsonElement text) => Write(text),
            JsonValueKind.Array => "[" + string.Join(",", element.EnumerateArray().Select(Write)) + "]",
            _ => element.GetRawText(),
        };
    }
}
