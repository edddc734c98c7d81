using DistillEngine.Data.Import;

namespace DistillEngine.Teacher.Replies;

/// <summary>The rules of the published code, so that its numbers can be reproduced. What it would train on as a placeholder is rejected
/// here; it looks at no finish reason and knows no empty rationale.</summary>
public sealed class PublishedReplyParser(PublishedParser parser) : IReplyParser
{
    /// <inheritdoc/>
    public ParsedReply Parse(string text, string? finish, SourceRow row)
    {
        ArgumentNullException.ThrowIfNull(text);
        var output = parser.Parse(text);
        if (output.Label == parser.Unparsed || output.Label.Length == 0)
            return ParsedReply.Rejected(ParseCode.NoMarker, $"the published rules for {parser.Task} find no label.");
        string[] flags = output.EndsThePublishedRun ? ["no_single_marker"] : [];
        return ParsedReply.Accepted(output.Label, output.Rationale == parser.Unparsed ? "" : output.Rationale, flags);
    }
}
