using System.Net;
using System.Net.Http.Headers;

namespace DistillEngine.Teacher.Wire;

/// <summary>
/// Asks an OpenAI-compatible server (OpenAI, Azure, vLLM, llama.cpp, Ollama, Together, LM Studio …). One call sends one request; nothing is
/// repeated here, so that limits, budgets and the journal see every attempt.
/// </summary>
public sealed class OpenAiTeacher : ITeacher, IDisposable
{
    /// <summary>No answer of a few thousand tokens comes near; a larger body is not read to its end.</summary>
    public const int LargestBody = 4 << 20;

    static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(15);

    /// <summary>Connections are renewed so that a changed address of the server is noticed.</summary>
    static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    readonly HttpClient _client;
    readonly ServerAddress _address;
    readonly ApiKey _key;
    readonly TimeSpan _timeout;
    readonly TimeProvider _time;
    volatile bool _limitsCompletion;

    /// <param name="timeout">For one attempt, from sending to the last byte.</param>
    /// <param name="connections">Connections held open at most.</param>
    public OpenAiTeacher(ServerAddress address, ApiKey key, TimeSpan timeout, int connections, TimeProvider time)
    {
        (_address, _key, _timeout, _time) = (address, key, timeout, time);
        _client = new HttpClient(new SocketsHttpHandler
        {
            MaxConnectionsPerServer = connections,
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = ConnectionLifetime,
            AutomaticDecompression = DecompressionMethods.All,
            AllowAutoRedirect = false,
            UseCookies = false,
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("distill-teacher", ToolVersion.Number));
        if (key.Secret is not { } secret) return;
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        if (address.IsAzure) _client.DefaultRequestHeaders.Add("api-key", secret);
    }

    public async Task<TeacherReply> AskAsync(TeacherRequest request, CancellationToken cancel)
    {
        long start = _time.GetTimestamp();
        using var limit = new CancellationTokenSource(_timeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        TeacherReply reply;
        try
        {
            reply = await SendAsync(request, both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested && !limit.IsCancellationRequested)
        {
            // Neither the caller nor the time limit ended it, so it was the connection's own limit.
            reply = Failure(TeacherErrorKind.Unreachable, $"{_address.Host}: no connection within {ConnectTimeout.TotalSeconds:0} s");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            reply = Failure(TeacherErrorKind.Timeout, $"no whole answer within {_timeout.TotalSeconds:0.###} s");
        }
        catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
            or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError)
        {
            reply = Failure(TeacherErrorKind.Unreachable, $"{_address.Host}: {Innermost(e)}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or InvalidDataException)
        {
            reply = Failure(TeacherErrorKind.Transport, Innermost(e));
        }
        return reply with
        {
            Milliseconds = (long)_time.GetElapsedTime(start).TotalMilliseconds,
            // Bodies are scrubbed before anything is made of them; these come from headers and exceptions as well.
            Error = reply.Error is { } error ? _key.Scrub(error) : null,
            RequestId = reply.RequestId is { } id ? _key.Scrub(id) : null,
        };
    }

    public void Dispose() => _client.Dispose();

    async Task<TeacherReply> SendAsync(TeacherRequest request, CancellationToken cancel)
    {
        bool limitsCompletion = _limitsCompletion;
        using var message = new HttpRequestMessage(HttpMethod.Post, _address.Endpoint(request.Prompt.IsChat));
        message.Content = new ByteArrayContent(RequestBody.ToBytes(request, limitsCompletion));
        message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using HttpResponseMessage response = await _client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancel).ConfigureAwait(false);
        int status = (int)response.StatusCode;
        RateLimitHints? limits = LimitHeaders.Read(response.Headers, _time.GetUtcNow());
        string? id = response.Headers.NonValidated.TryGetValues("x-request-id", out HeaderStringValues ids) ? ids.ToString() : null;
        (byte[] bytes, bool isWhole) = await ReadBodyAsync(response.Content, cancel).ConfigureAwait(false);
        // An echoed key goes before a text is cut, which could leave a part of it.
        ReadOnlyMemory<byte> body = _key.Scrub(bytes);
        TeacherReply reply;
        if (!isWhole && response.IsSuccessStatusCode)
        {
            reply = Failure(TeacherErrorKind.BadReply, $"the body is larger than {LargestBody >> 20} MiB");
        }
        else if (response.IsSuccessStatusCode)
        {
            reply = AnswerBody.Read(body, request.Count);
        }
        else if (status is >= 300 and < 400)
        {
            reply = Failure(TeacherErrorKind.BadRequest, $"status {status}: the server redirects to {Target(response)}; give that address as --base-url");
        }
        else
        {
            var (kind, text) = ErrorText.Classify(status, body.Span);
            if (!limitsCompletion && status == 400 && text.Contains("max_completion_tokens", StringComparison.Ordinal))
            {
                // The same question under the name this model knows can succeed.
                _limitsCompletion = true;
                kind = TeacherErrorKind.OtherForm;
            }
            reply = Failure(kind, text);
        }
        return reply with { Status = status, Limits = limits, RequestId = id ?? reply.RequestId };
    }

    /// <summary>The body, up to <see cref="LargestBody"/>; after decompression, so that a small body cannot become a large one.</summary>
    static async Task<(byte[] Body, bool IsWhole)> ReadBodyAsync(HttpContent content, CancellationToken cancel)
    {
        using Stream stream = await content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        using var body = new MemoryStream();
        byte[] chunk = new byte[16 << 10];
        int read;
        try
        {
            while ((read = await stream.ReadAsync(chunk, cancel).ConfigureAwait(false)) > 0)
            {
                if (body.Length + read > LargestBody) return (body.ToArray(), false);
                body.Write(chunk, 0, read);
            }
        }
        catch (InvalidOperationException e)
        {
            // What Brotli says of damaged data, where the other compressions say the following.
            throw new InvalidDataException(e.Message, e);
        }
        return (body.ToArray(), true);
    }

    static string Target(HttpResponseMessage response) =>
        response.Headers.Location is { IsAbsoluteUri: true } uri ? uri.GetLeftPart(UriPartial.Path) : "another address";

    static TeacherReply Failure(TeacherErrorKind kind, string text) => new() { ErrorKind = kind, Error = text };

    static string Innermost(Exception e)
    {
        while (e.InnerException is { } inner) e = inner;
        return e.Message.ReplaceLineEndings(" ");
    }
}
