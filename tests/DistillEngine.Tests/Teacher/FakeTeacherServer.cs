using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace DistillEngine.Tests.Teacher;

/// <summary>A teacher on the loopback that answers, and misbehaves as it is told.</summary>
sealed class FakeTeacherServer : IAsyncDisposable
{
    readonly WebApplication _app;
    readonly TimeProvider _time;
    readonly CancellationTokenSource _closing = new();
    int _hanging;

    FakeTeacherServer(WebApplication app, TimeProvider time) => (_app, _time) = (app, time);

    /// <summary>What happens to the n-th request, from 0.</summary>
    public Func<int, Fault> Faults { get; set; } = _ => Fault.None;

    /// <summary>What happens to a request of this body, where <see cref="Faults"/> lets it pass.</summary>
    public Func<byte[], Fault> FaultOf { get; set; } = _ => Fault.None;

    /// <summary>What the teacher says to a prompt.</summary>
    public Func<string, string> Answer { get; set; } = prompt => $"One thing follows from another in {prompt.Length} letters. So the answer is yes.";

    /// <summary>Tokens a prompt is counted as.</summary>
    public int PromptTokens { get; set; } = 40;

    /// <summary>How many answers are given to a request for several; 0 refuses it.</summary>
    public Func<int, int> Given { get; set; } = asked => asked;

    /// <summary>Whether an answer names its seed; samples then differ, as those of real servers do.</summary>
    public bool ShowsSeeds { get; set; }

    /// <summary>Every request that came, in order.</summary>
    public ConcurrentQueue<FakeRequest> Requests { get; } = new();

    /// <summary>Requests that are held without an answer.</summary>
    public int Hanging => Volatile.Read(ref _hanging);

    public string BaseUrl => _app.Urls.First() + "/v1";

    /// <param name="time">Clock that the requests' times are taken from.</param>
    public static async Task<FakeTeacherServer> StartAsync(TimeProvider? time = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        WebApplication app = builder.Build();
        var server = new FakeTeacherServer(app, time ?? TimeProvider.System);
        app.Run(server.HandleAsync);
        await app.StartAsync();
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _app.DisposeAsync();
        _closing.Dispose();
    }

    async Task HandleAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        byte[] bytes = body.ToArray();
        using JsonDocument json = JsonDocument.Parse(bytes);
        bool isChat = context.Request.Path.Value!.EndsWith("/chat/completions", StringComparison.Ordinal);
        string prompt = isChat
            ? json.RootElement.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString()!
            : json.RootElement.GetProperty("prompt").GetString()!;
        int asked = json.RootElement.TryGetProperty("n", out JsonElement n) ? n.GetInt32() : 1;
        int seed = json.RootElement.TryGetProperty("seed", out JsonElement s) ? s.GetInt32() : 0;
        int number;
        lock (Requests)
        {
            number = Requests.Count;
            Requests.Enqueue(new(_time.GetUtcNow(), context.Request.Path, prompt, bytes, context.Request.Headers.Authorization.ToString(),
                Faults(number) is not Fault.None and var fault ? fault : FaultOf(bytes)));
        }
        Fault chosen = Requests.ElementAt(number).Fault;
        if (chosen == Fault.None && asked > 1 && Given(asked) == 0)
            await FailAsync(context, 400, Error("Only one completion choice is allowed", "invalid_request_error"));
        else await MisbehaveAsync(context, chosen, isChat,
            [.. Enumerable.Range(seed, asked > 1 ? Given(asked) : 1).Select(sample => ShowsSeeds ? $"Seed {sample}. {Answer(prompt)}" : Answer(prompt))]);
    }

    async Task MisbehaveAsync(HttpContext context, Fault fault, bool isChat, string[] answers)
    {
        string answer = Body(isChat, answers, fault), key = context.Request.Headers.Authorization.ToString().Replace("Bearer ", "");
        switch (fault)
        {
            case Fault.TooManyRequests: await FailAsync(context, 429, Error("slow down", "rate_limit_exceeded")); break;
            case Fault.RetryAfterOneSecond: await FailAsync(context, 429, Error("slow down", "rate_limit_exceeded"), ("Retry-After", "1")); break;
            case Fault.RetryAfterMilliseconds: await FailAsync(context, 429, Error("slow down", "rate_limit_exceeded"), ("retry-after-ms", "350")); break;
            case Fault.RetryAfterNothing: await FailAsync(context, 429, Error("slow down", "rate_limit_exceeded"), ("Retry-After", "0")); break;
            case Fault.HalfSurrogate: await FailAsync(context, 400, """{"error":{"message":"half of a pair: \ud800"}}"""); break;
            case Fault.DamagedBrotli: await FailAsync(context, 400, Error("compressed by nobody", "bad"), ("Content-Encoding", "br")); break;
            case Fault.LateKey:
                await FailAsync(context, 400, Error(new string('x', 290) + key, "bad")); break;
            case Fault.EscapedKey:
                string escaped = string.Concat(key.Select((c, i) => c == '/' ? "\\/" : i % 2 == 0 ? $"\\u{(int)c:x4}" : c.ToString()));
                await FailAsync(context, 401, "{\"error\":{\"message\":\"wrong: " + escaped + " in "
                    + Quote(Quote(key.Replace("-", "\\u002D")))[1..^1] + "\"}}");
                break;
            case Fault.LateKeyWithStatusOk: await FailAsync(context, 200, new string('x', 290) + key); break;
            case Fault.KeyInHeader: await FailAsync(context, 200, answer, ("x-request-id", $"r-{Uri.EscapeDataString(key)}")); break;
            case Fault.KeyInAnswer: await FailAsync(context, 200, Body(isChat, [$"Your key is {key}. So the answer is yes."], fault)); break;
            case Fault.RetryAfterTwoHours: await FailAsync(context, 429, Error("slow down", "rate_limit_exceeded"), ("Retry-After", "7200")); break;
            case Fault.NoCredit: await FailAsync(context, 429, Error("You exceeded your current quota", "insufficient_quota")); break;
            case Fault.ServerError: await FailAsync(context, 500, Error("internal", "server_error")); break;
            case Fault.BadGatewayPage:
                await FailAsync(context, 502,
                "<html><head><style>x{}</style></head><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"); break;
            case Fault.Unavailable: await FailAsync(context, 503, ""); break;
            case Fault.WrongKey:
                await FailAsync(context, 401,
                Error($"Incorrect API key provided: {key}", "invalid_api_key")); break;
            case Fault.TooLong: await FailAsync(context, 400, Error("maximum context length exceeded", "context_length_exceeded")); break;
            case Fault.NoSuchModel: await FailAsync(context, 404, Error("model not found", "model_not_found")); break;
            case Fault.WantsMaxCompletionTokens:
                await FailAsync(context, 400, Error("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "unsupported_parameter"));
                break;
            case Fault.PageWithStatusOk: await FailAsync(context, 200, "<!DOCTYPE html><html><body>Please log in</body></html>"); break;
            case Fault.TornJson: await FailAsync(context, 200, answer[..(answer.Length / 2)]); break;
            case Fault.ErrorWithStatusOk: await FailAsync(context, 200, "{\"error\":{\"message\":\"upstream is busy\",\"code\":503}}"); break;
            case Fault.TenMegabytes: await FailAsync(context, 200, Body(isChat, [new string('x', 10 << 20)], fault)); break;
            case Fault.ResetInBody:
                context.Response.ContentLength = answer.Length;
                await context.Response.WriteAsync(answer[..(answer.Length / 2)]);
                await context.Response.Body.FlushAsync();
                context.Abort();
                break;
            case Fault.ResetAtOnce: context.Abort(); break;
            case Fault.Hangs:
                Interlocked.Increment(ref _hanging);
                try
                {
                    using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _closing.Token);
                    await Task.Delay(Timeout.Infinite, either.Token);
                }
                catch (OperationCanceledException)
                {
                }
                finally
                {
                    Interlocked.Decrement(ref _hanging);
                }
                break;
            case Fault.SlowBody:
                foreach (string piece in answer.Chunk(Math.Max(1, answer.Length / 4)).Select(c => new string(c)))
                {
                    await context.Response.WriteAsync(piece);
                    await context.Response.Body.FlushAsync();
                    await Task.Delay(2);
                }
                break;
            default: await FailAsync(context, 200, answer); break;
        }
    }

    static async Task FailAsync(HttpContext context, int status, string body, params (string Name, string Value)[] headers)
    {
        context.Response.StatusCode = status;
        foreach (var (name, value) in headers) context.Response.Headers[name] = value;
        await context.Response.WriteAsync(body);
    }

    static string Error(string message, string code) =>
        $$$"""{"error":{"message":{{{Quote(message)}}},"type":{{{Quote(code)}}},"param":null,"code":{{{Quote(code)}}} }}""";

    string Body(bool isChat, string[] texts, Fault fault)
    {
        string finish = fault == Fault.UnknownFinish ? "\"eos_token\"" : fault == Fault.NullFinish ? "null" : "\"stop\"";
        // The last one first: clients go by the index.
        string choices = fault == Fault.NoChoices
            ? ""
            : string.Join(",", texts.Select((text, index) => Choice(isChat, index, fault == Fault.NullText ? "null" : Quote(text), finish)).Reverse());
        string usage = fault == Fault.NoUsage
            ? ""
            : $$$""","usage":{"prompt_tokens":{{{PromptTokens}}},"completion_tokens":{{{20 * texts.Length}}},"total_tokens":"""
                + $$$"""{{{PromptTokens + 20 * texts.Length}}},"prompt_tokens_details":{"cached_tokens":8}}""";
        return $$"""{"id":"cmpl-1","object":"{{(isChat ? "chat.completion" : "text_completion")}}","created":"""
            + $$"""1700000000,"model":"fake-1","system_fingerprint":"fp","choices":[{{choices}}]{{usage}}}""";
    }

    static string Choice(bool isChat, int index, string value, string finish) => isChat
        ? $$"""{"index":{{index}},"message":{"role":"assistant","content":{{value}},"reasoning_content":"""
            + $$"""null,"refusal":null},"logprobs":null,"finish_reason":{{finish}}}"""
        : $$"""{"index":{{index}},"text":{{value}},"logprobs":null,"finish_reason":{{finish}}}""";

    static string Quote(string text) => JsonSerializer.Serialize(text);
}
