using DistillEngine.Data.Import;

namespace DistillEngine.Teacher.Replies;

/// <summary>Takes answers apart. Needs no network: an answer in a journal can be parsed again by other rules.</summary>
public interface IReplyParser
{
    /// <summary>Never throws for any text; may be called from several threads.</summary>
    /// <param name="text">The answer, without reasoning that the server keeps apart.</param>
    /// <param name="finish">Why the teacher stopped, as the server calls it, or null.</param>
    /// <param name="row">The row that was asked about.</param>
    ParsedReply Parse(string text, string? finish, SourceRow row);
}
