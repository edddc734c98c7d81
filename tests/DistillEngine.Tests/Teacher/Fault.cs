namespace DistillEngine.Tests.Teacher;

/// <summary>How the fake teacher misbehaves.</summary>
public enum Fault
{
    None,
    TooManyRequests,
    RetryAfterOneSecond,
    RetryAfterMilliseconds,
    ServerError,
    BadGatewayPage,
    Unavailable,
    ResetInBody,
    ResetAtOnce,
    TornJson,
    NoChoices,
    NullText,
    PageWithStatusOk,
    ErrorWithStatusOk,
    TenMegabytes,
    Hangs,

    /// <summary>This one and the following are answers all the same.</summary>
    SlowBody,
    UnknownFinish,
    NullFinish,
    NoUsage,

    /// <summary>This one and the following are not part of random faults.</summary>
    RetryAfterTwoHours,
    NoCredit,
    WrongKey,
    TooLong,
    NoSuchModel,
    WantsMaxCompletionTokens,
    RetryAfterNothing,
    HalfSurrogate,
    DamagedBrotli,
    LateKey,
    EscapedKey,
    LateKeyWithStatusOk,
    KeyInHeader,
    KeyInAnswer,
}
