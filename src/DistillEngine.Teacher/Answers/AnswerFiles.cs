using DistillEngine.Data.Metrics;
using DistillEngine.Data.Rationales;

namespace DistillEngine.Teacher.Answers;

/// <summary>
/// Makes <c>rationales.jsonl</c> and <c>rejects.jsonl</c> of a run from its journal. Asks nobody, and equal journals give equal bytes.
/// <c>rationales.jsonl</c> holds every row that was asked, in the order of the input, also the rejected ones: those still train their gold
/// label, while only rows of status <c>ok</c> train a rationale. Rows whose input is an earlier row's are left out where the task says so.
/// <c>rejects.jsonl</c> repeats the rows that are not <c>ok</c>, with the reason and the answer as it came.
/// </summary>
public static class AnswerFiles
{
    public const string RationalesName = "rationales.jsonl";

    public const string RejectsName = "rejects.jsonl";

    /// <param name="rows">The rows of the input, in order.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one sample.</exception>
    /// <exception cref="InvalidDataException">Answers are to questions that the task no longer asks, though all of them are needed.</exception>
    /// <exception cref="IOException">A file cannot be written; what was there stays.</exception>
    public static AnswerReport Write(string folder, IReadOnlyList<TeacherRow> rows, AnswerBook book, AnswerSettings settings)
    {
        var assembled = Assemble(rows, book, settings, out var report);
        RationaleWriter.Write(Path.Combine(folder, RationalesName),
            assembled.Where(row => !row.IsDuplicate).Select(row => row.Row with { Raw = null }));
        RationaleWriter.Write(Path.Combine(folder, RejectsName),
            assembled.Where(row => row.Row.Status != RationaleStatus.Ok).Select(row => row.Row));
        return report;
    }

    /// <summary>What <see cref="Write"/> would report, without writing.</summary>
    public static AnswerReport Inspect(IReadOnlyList<TeacherRow> rows, AnswerBook book, AnswerSettings settings)
    {
        Assemble(rows, book, settings, out var report);
        return report;
    }

    static List<AssembledRow> Assemble(IReadOnlyList<TeacherRow> rows, AnswerBook book, AnswerSettings settings, out AnswerReport report)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(book);
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.Samples, 1);
        var assembler = new RowAssembler(settings, book);
        var assembled = new List<AssembledRow>(rows.Count);
        var inputs = new Dictionary<string, string>(StringComparer.Ordinal);
        var rationales = new HashSet<string>(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            if (assembler.Assemble(row) is not { } result) continue;
            if (result.Row.Status == RationaleStatus.Ok)
            {
                if (settings.Task.Filter.DedupeInput && !inputs.TryAdd(row.Source.Input, row.Id))
                    result = Duplicate(result, inputs[row.Source.Input]);
                else if (result.Row.Rationale is { } rationale && !rationales.Add(ChoiceMatch.Simplify(rationale)))
                    result = result with { Row = result.Row with { Flags = [.. result.Row.Flags, "near_duplicate"] } };
            }
            assembled.Add(result);
        }
        // Such rows would pass for ones that were never asked, and what was paid for them would be gone from the files.
        if (settings.NeedsAllAnswers && book.Unclaimed > 0)
            throw new InvalidDataException($"{settings.Task.Path}: {book.Unclaimed} of the journal's {book.Answered} answers are to questions that the task "
                + "no longer asks (expected the columns, 'data.fields' and 'student.input', that the run asked with; undo that change, or start a run "
                + "in another folder).");
        report = AnswerReport.Of(rows.Count, assembled, book, settings);
        return assembled;
    }

    static AssembledRow Duplicate(AssembledRow result, string earlier) => result with
    {
        IsDuplicate = true,
        Row = result.Row with
        {
            Status = RationaleStatus.Filtered,
            Flags = [.. result.Row.Flags, "duplicate_input"],
            Reason = $"the input is that of row {earlier} (filter.dedupe is 'input').",
        },
    };
}
