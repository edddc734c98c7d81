using System.Net;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Sources;
using Microsoft.Extensions.AI;
using Xunit;

namespace DistillEngine.Tests.Teacher.Sources;

public class ChatClientTeacherTests
{
    [Fact]
    public async Task Ask_HandsOnEverythingBothWays()
    {
        var client = new StubClient(_ =>
            new ChatResponse(new ChatMessage(ChatRole.Assistant, [new TextReasoningContent("hm"), new TextContent("So the answer is yes.")]))
            {
                FinishReason = ChatFinishReason.Stop,
                ModelId = "m-1",
                ResponseId = "r-1",
                Usage = new UsageDetails { InputTokenCount = 4, OutputTokenCount = 3 },
            });
        TeacherReply reply = await AskAsync(client, TeacherFixtures.Request(isChat: true, sample: 2));
        Assert.Equal(("So the answer is yes.", "hm", "stop", "m-1", "r-1"), (reply.Text, reply.Reasoning, reply.Finish, reply.Model, reply.RequestId));
        Assert.Equal(new TokenUsage(4, 3, null), reply.Usage);
        Assert.Equal(["system", "user"], client.Messages.Select(m => m.Role.Value));
        ChatOptions options = client.Options!;
        Assert.Equal(("fake-1", 64, 0f, 3L), (options.ModelId, options.MaxOutputTokens, options.Temperature, options.Seed));
        Assert.Equal(["\nQ:"], options.StopSequences);
    }

    [Theory]
    [InlineData(HttpStatusCode.TooManyRequests, TeacherErrorKind.RateLimited)]
    [InlineData(HttpStatusCode.BadGateway, TeacherErrorKind.Server)]
    [InlineData(HttpStatusCode.Unauthorized, TeacherErrorKind.Unauthorized)]
    [InlineData(null, TeacherErrorKind.Transport)]
    public async Task Ask_WhenTheClientThrows_TellsTheKind(HttpStatusCode? status, TeacherErrorKind kind)
    {
        TeacherReply reply = await AskAsync(new StubClient(_ => throw new HttpRequestException("no luck", null, status)), TeacherFixtures.Request());
        Assert.Equal((kind, "no luck"), (reply.ErrorKind, reply.Error));
    }

    static Task<TeacherReply> AskAsync(IChatClient client, TeacherRequest request) =>
        new ChatClientTeacher(client, TimeSpan.FromSeconds(30), TimeProvider.System).AskAsync(request, TestContext.Current.CancellationToken);

    sealed class StubClient(Func<ChatOptions?, ChatResponse> answer) : IChatClient
    {
        public List<ChatMessage> Messages { get; } = [];

        public ChatOptions? Options { get; private set; }

        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null,
            CancellationToken cancellationToken = default)
        {
            Messages.AddRange(messages);
            Options = options;
            return Task.FromResult(answer(options));
        }

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null,
            CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
