using System.Text.Json;
using DistillEngine.Teacher;
using Xunit;

namespace DistillEngine.Tests.Teacher.Wire;

public class OpenAiTeacherTests
{
    [Theory]
    [InlineData(Fault.TooManyRequests, TeacherErrorKind.RateLimited, 429, "slow down")]
    [InlineData(Fault.NoCredit, TeacherErrorKind.Quota, 429, "insufficient_quota")]
    [InlineData(Fault.ServerError, TeacherErrorKind.Server, 500, "internal")]
    [InlineData(Fault.BadGatewayPage, TeacherErrorKind.Server, 502, "a web page: 502 Bad Gateway nginx")]
    [InlineData(Fault.Unavailable, TeacherErrorKind.Server, 503, "the body is empty")]
    [InlineData(Fault.TooLong, TeacherErrorKind.BadRequest, 400, "context_length_exceeded")]
    [InlineData(Fault.NoSuchModel, TeacherErrorKind.BadRequest, 404, "model_not_found")]
    [InlineData(Fault.WrongKey, TeacherErrorKind.Unauthorized, 401, "invalid_api_key")]
    [InlineData(Fault.ResetInBody, TeacherErrorKind.Transport, 0, "")]
    [InlineData(Fault.ResetAtOnce, TeacherErrorKind.Transport, 0, "")]
    [InlineData(Fault.TornJson, TeacherErrorKind.BadReply, 200, "not valid JSON")]
    [InlineData(Fault.PageWithStatusOk, TeacherErrorKind.BadReply, 200, "Please log in")]
    [InlineData(Fault.ErrorWithStatusOk, TeacherErrorKind.Server, 200, "upstream is busy")]
    [InlineData(Fault.NoChoices, TeacherErrorKind.BadReply, 200, "no choices")]
    [InlineData(Fault.NullText, TeacherErrorKind.BadReply, 200, "no text")]
    [InlineData(Fault.TenMegabytes, TeacherErrorKind.BadReply, 200, "larger than 4 MiB")]
    [InlineData(Fault.Hangs, TeacherErrorKind.Timeout, 0, "no whole answer within 0.3 s")]
    public async Task Ask_WhenTheServerFails_SaysHow(Fault fault, TeacherErrorKind kind, int status, string text)
    {
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        server.Faults = _ => fault;
        using var teacher = TeacherFixtures.Client(server, timeoutSeconds: fault == Fault.Hangs ? 0.3 : 30);
        TeacherReply reply = await teacher.AskAsync(TeacherFixtures.Request(), TestContext.Current.CancellationToken);
        Assert.Equal((kind, status), (reply.ErrorKind, reply.Status));
        Assert.Contains(text, reply.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', reply.Error!);
        Assert.Null(reply.Text);
    }

    [Theory]
    [InlineData(Fault.None, false, "stop")]
    [InlineData(Fault.None, true, "stop")]
    [InlineData(Fault.UnknownFinish, true, "eos_token")]
    [InlineData(Fault.NullFinish, false, null)]
    [InlineData(Fault.SlowBody, true, "stop")]
    [InlineData(Fault.NoUsage, false, "stop")]
    public async Task Ask_WhenTheServerAnswersInItsOwnWay_TakesTheAnswer(Fault fault, bool isChat, string? finish)
    {
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        server.Faults = _ => fault;
        server.Answer = _ => "Because.\n\"Quotes\" & ünïcode 😀. So the answer is yes.";
        using var teacher = TeacherFixtures.Client(server);
        TeacherReply reply = await teacher.AskAsync(TeacherFixtures.Request(isChat), TestContext.Current.CancellationToken);
        Assert.True(reply.IsAnswer, reply.Error);
        Assert.Equal((server.Answer(""), finish, 200), (reply.Text, reply.Finish, reply.Status));
        Assert.Equal(fault == Fault.NoUsage ? null : new TokenUsage(40, 20, 8), reply.Usage);
        Assert.Equal(isChat ? "/v1/chat/completions" : "/v1/completions", server.Requests.Single().Path);
    }

    [Fact]
    public async Task Ask_SendsWhatIsSetAndNothingElse()
    {
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        using var teacher = TeacherFixtures.Client(server, key: "sk-1234567");
        await teacher.AskAsync(TeacherFixtures.Request(sample: 2), TestContext.Current.CancellationToken);
        FakeRequest sent = server.Requests.Single();
        using JsonDocument body = JsonDocument.Parse(sent.Body);
        Assert.Equal(["model", "prompt", "max_tokens", "temperature", "seed", "stop"], body.RootElement.EnumerateObject().Select(p => p.Name));
        Assert.Equal(3, body.RootElement.GetProperty("seed").GetInt32());
        Assert.Equal("Bearer sk-1234567", sent.Authorization);
    }

    [Fact]
    public async Task Ask_WhenTheModelWantsAnotherNameForTheLimit_SendsThatFromThenOn()
    {
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        server.Faults = number => number == 0 ? Fault.WantsMaxCompletionTokens : Fault.None;
        using var teacher = TeacherFixtures.Client(server);
        TeacherReply first = await teacher.AskAsync(TeacherFixtures.Request(isChat: true), TestContext.Current.CancellationToken);
        Assert.Equal(TeacherErrorKind.OtherForm, first.ErrorKind);
        Assert.True(DistillEngine.Teacher.Runs.RetryOptions.CanSucceed(first.ErrorKind));
        Assert.True((await teacher.AskAsync(TeacherFixtures.Request(isChat: true), TestContext.Current.CancellationToken)).IsAnswer);
        Assert.Contains("\"max_completion_tokens\":64", System.Text.Encoding.UTF8.GetString(server.Requests.Last().Body), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_WhenNobodyListens_SaysThatTheServerIsUnreachable()
    {
        FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        using var teacher = TeacherFixtures.Client(server);
        await server.DisposeAsync();
        TeacherReply reply = await teacher.AskAsync(TeacherFixtures.Request(), TestContext.Current.CancellationToken);
        Assert.Equal((TeacherErrorKind.Unreachable, 0), (reply.ErrorKind, reply.Status));
        Assert.Contains("127.0.0.1", reply.Error, StringComparison.Ordinal);
    }

    /// <summary>Reading such a text fails otherwise than bad JSON does.</summary>
    [Fact]
    public async Task Ask_WhenAnErrorHoldsHalfASurrogatePair_IsABadRequest()
    {
        TeacherReply reply = await ReplyToAsync(Fault.HalfSurrogate);
        Assert.Equal((TeacherErrorKind.BadRequest, 400), (reply.ErrorKind, reply.Status));
        Assert.Contains("half of a pair", reply.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_WhenTheBodysCompressionIsDamaged_IsAFaultOfTransport() =>
        Assert.Equal(TeacherErrorKind.Transport, (await ReplyToAsync(Fault.DamagedBrotli)).ErrorKind);

    [Fact]
    public async Task Ask_WhenTheKeyIsRepeatedWhereTheTextIsCut_ShowsNoPartOfIt() =>
        Assert.DoesNotContain("sk-", (await ReplyToAsync(Fault.LateKey)).Error, StringComparison.Ordinal);

    [Fact]
    public async Task Ask_WhenTheKeyIsRepeatedByTheServer_HidesIt() =>
        Assert.Contains("Incorrect API key provided: (key)", (await ReplyToAsync(Fault.WrongKey)).Error, StringComparison.Ordinal);

    [Theory]
    [InlineData(Fault.EscapedKey)]
    [InlineData(Fault.LateKeyWithStatusOk)]
    [InlineData(Fault.KeyInHeader)]
    [InlineData(Fault.KeyInAnswer)]
    public async Task Ask_WhereverTheServerRepeatsTheKey_HidesIt(Fault fault)
    {
        TeacherReply reply = await ReplyToAsync(fault, "sk/very-secret/and-long");
        string shown = Uri.UnescapeDataString(JsonSerializer.Serialize(reply));
        foreach (string part in (string[])["very", "secret", "and-long", "u0073"]) Assert.DoesNotContain(part, shown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a+b/c&d-12", "is a+b/c&d-12.", "is (key).")]
    [InlineData("a+b/c&d-12", "is %61%2Bb%2fc%26d-12.", "is (key).")]
    [InlineData("a+b/c&d-12", "is a&#43;b&#x2F;c&amp;d-12.", "is (key).")]
    [InlineData("a+b/c&d-12", "is A\\u002Bb\\\\/c\\\\u0026d-12.", "is (key).")]
    [InlineData("a+b/c&d-12", "is a+b/c&d-11.", "is a+b/c&d-11.")]
    [InlineData("short", "a short word", "a short word")]
    public void Scrub_OfAnyFormOfAKey_LeavesNothingOfIt(string key, string text, string expected) =>
        Assert.Equal(expected, DistillEngine.Teacher.Wire.ApiKey.Of(key, "test").Scrub(text));

    static async Task<TeacherReply> ReplyToAsync(Fault fault, string key = "sk-very-secret-and-long")
    {
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        server.Faults = _ => fault;
        using var teacher = TeacherFixtures.Client(server, key: key);
        return await teacher.AskAsync(TeacherFixtures.Request(), TestContext.Current.CancellationToken);
    }
}
