namespace DistillEngine.Teacher;

/// <summary>What came of one attempt: an answer, or the reason why there is none.</summary>
public sealed record TeacherReply
{
    /// <summary>The answer, without the reasoning that the server keeps apart; null where there is no answer.</summary>
    public string? Text { get; init; }

    /// <summary>Reasoning that the server returned beside the answer (<c>reasoning_content</c>), or null.</summary>
    public string? Reasoning { get; init; }

    /// <summary>Why the teacher stopped, as the server calls it: <c>stop</c>, <c>length</c>, <c>content_filter</c>, or any other word.</summary>
    public string? Finish { get; init; }

    /// <summary>Answers to the further samples that were asked for, in their order; a server may give fewer than it was asked for.</summary>
    public IReadOnlyList<TeacherChoice> Further { get; init; } = [];

    /// <summary>Samples that are answered.</summary>
    public int Answers => IsAnswer ? 1 + Further.Count : 0;

    /// <summary>Of all answers together.</summary>
    public TokenUsage? Usage { get; init; }

    /// <summary>Name the server gives the model that answered.</summary>
    public string? Model { get; init; }

    /// <summary>The server's <c>system_fingerprint</c>.</summary>
    public string? Fingerprint { get; init; }

    public string? RequestId { get; init; }

    /// <summary>Time from sending to the last byte, in milliseconds.</summary>
    public long Milliseconds { get; init; }

    /// <summary>HTTP status; 0 where no response came.</summary>
    public int Status { get; init; }

    /// <summary>One line for the user, or null where there is an answer.</summary>
    public string? Error { get; init; }

    public TeacherErrorKind ErrorKind { get; init; }

    /// <summary>What the server said about its limits, or null.</summary>
    public RateLimitHints? Limits { get; init; }

    public bool IsAnswer => ErrorKind == TeacherErrorKind.None;

    /// <summary>Whether an answer may have been made, and billed, of which nothing usable arrived: it came too late, was cut, or a gateway gave up
    /// waiting for it (504, and Cloudflare's 524).</summary>
    public bool IsLost => ErrorKind is TeacherErrorKind.Timeout or TeacherErrorKind.Transport || Status is 504 or 524
        || (ErrorKind == TeacherErrorKind.BadReply && Status is >= 200 and < 300);
}
