using System.Globalization;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Answers;

/// <summary>Tells, while answers arrive, when so many of them fail to parse that a run had better stop: the prompt or the parsing rules are
/// wrong then, and every further answer is paid for nothing.</summary>
public sealed class FailureWatch(ParseOptions options)
{
    readonly Lock _gate = new();
    int _answers;
    int _failed;

    /// <summary>Counts one answer; may be called from several threads.</summary>
    /// <returns>Whether the run should stop.</returns>
    public bool Add(bool isFailed)
    {
        lock (_gate)
        {
            _answers++;
            if (isFailed) _failed++;
            return IsTooMany(_failed, _answers, options.AbortIfFailedOver, options.AbortAfter);
        }
    }

    /// <summary>One line for the user.</summary>
    public string Describe()
    {
        lock (_gate)
            return string.Create(CultureInfo.InvariantCulture,
                $"{_failed} of {_answers} answers do not parse (the task stops above {options.AbortIfFailedOver:0.##} after {options.AbortAfter}; "
                + $"see rejects.jsonl for the reasons).");
    }

    internal static bool IsTooMany(int failed, int answers, double share, int after) => answers >= after && failed > share * answers;
}
