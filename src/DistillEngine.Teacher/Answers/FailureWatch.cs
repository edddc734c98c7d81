using System.Globalization;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Replies;

namespace DistillEngine.Teacher.Answers;

/// <summary>Tells, while answers arrive, when so many of them fail to parse that a run had better stop: the prompt or the parsing rules are
/// wrong then, and every further answer is paid for nothing.</summary>
/// <param name="parser">The rules the answers will be taken apart by.</param>
public sealed class FailureWatch(IReplyParser parser, ParseOptions options)
{
    readonly Lock _gate = new();
    int _answers;
    int _failed;

    /// <summary>Counts one answer; may be called from several threads.</summary>
    /// <returns>Why the run should stop, in one line for the user; null where it should not.</returns>
    public string? Look(TeacherRow row, TeacherReply reply)
    {
        ArgumentNullException.ThrowIfNull(row);
        ArgumentNullException.ThrowIfNull(reply);
        bool isFailed = reply.Text is null || !parser.Parse(reply.Text, reply.Finish, row.Source).IsOk;
        lock (_gate)
        {
            _answers++;
            if (isFailed) _failed++;
            return IsTooMany(_failed, _answers, options.AbortIfFailedOver, options.AbortAfter)
                ? string.Create(CultureInfo.InvariantCulture, $"{_failed} of {_answers} answers were not accepted (the task stops above {options.AbortIfFailedOver:P0} after {options.AbortAfter} answers; see rejects.jsonl for the reasons)")
                : null;
        }
    }

    internal static bool IsTooMany(int failed, int answers, double share, int after) => answers >= after && failed > share * answers;
}
