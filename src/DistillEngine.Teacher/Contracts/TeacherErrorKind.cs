namespace DistillEngine.Teacher;

/// <summary>Why an attempt brought no answer.</summary>
public enum TeacherErrorKind
{
    /// <summary>There is an answer.</summary>
    None,

    /// <summary>Too many requests or tokens for now (408, 409, 425, 429).</summary>
    RateLimited,

    /// <summary>The account has no credit left: waiting does not help.</summary>
    Quota,

    /// <summary>The server failed (5xx).</summary>
    Server,

    /// <summary>There is no connection: nobody listens, or the name is unknown. Nothing was sent.</summary>
    Unreachable,

    /// <summary>The connection failed on the way, or the body ended too early.</summary>
    Transport,

    /// <summary>No answer within the time limit.</summary>
    Timeout,

    /// <summary>Status 200, but no usable answer in it: not JSON, no choice, no text.</summary>
    BadReply,

    /// <summary>The server wants the request in another form, which the teacher uses from then on.</summary>
    OtherForm,

    /// <summary>The key is missing, wrong or not allowed (401, 403).</summary>
    Unauthorized,

    /// <summary>The request itself is wrong (other 4xx): the same request fails again.</summary>
    BadRequest,
}
