using System.Globalization;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Replies;

namespace DistillEngine.Teacher.Answers;

/// <summary>Makes one row of <c>distill.rationale/1</c> from a row's answers: parse, vote, compare with the gold label, filter.</summary>
sealed class RowAssembler(AnswerSettings settings, AnswerBook book)
{
    /// <summary>Characters of a rejected answer that are repeated in the reject file; the journal has all of it.</summary>
    const int MaxRawChars = 16_384;

    readonly Metric _metric = Metric.Named(settings.Task.Metric);

    /// <returns>Null where the row was not asked yet.</returns>
    public AssembledRow? Assemble(TeacherRow row)
    {
        var samples = new List<ParsedSample>();
        JournalEntry? error = null;
        for (int i = 0; i < settings.Samples; i++)
        {
            string? key = settings.KeyOf?.Invoke(row, i);
            if ((key is null ? book.Answer(row.Id, i) : book.Answer(key)) is { } entry)
                samples.Add(new(i, entry, settings.Parser.Parse(entry.Text!, entry.Finish, row.Source)));
            else error ??= key is null ? book.Error(row.Id, i) : book.Error(key);
        }
        if (samples.Count == 0) return error is null ? null : Unanswered(row, error);
        var ballot = Ballot.Count(samples, settings.Task.Category);
        return ballot is null ? Rejected(row, samples) : Voted(row, samples, ballot);
    }

    AssembledRow Unanswered(TeacherRow row, JournalEntry error)
    {
        var result = Start(row, [], error) with { Status = RationaleStatus.ApiError, Reason = error.Error };
        return new(result, null, [], null);
    }

    AssembledRow Rejected(TeacherRow row, List<ParsedSample> samples)
    {
        var causes = samples.GroupBy(sample => sample.Reply.Code)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.First().Index).ToList();
        var first = causes[0].First();
        var code = first.Reply.Code;
        var status = ParseCodes.StatusOf(code);
        string? label = status == RationaleStatus.Refused ? null : first.Reply.Label;
        bool? isCorrect = IsCorrect(row, label);
        var flags = new List<string> { ParseCodes.NameOf(code) };
        if (isCorrect == false) flags.Add("label_mismatch");
        var result = Start(row, samples, first.Entry) with
        {
            TeacherLabel = label,
            Status = status,
            Flags = flags,
            Reason = string.Join(" ", causes.Select(cause =>
                Describe(cause.Key, cause.First().Reply.Reason!, cause.Count(), samples.Count))),
            Raw = Clip(first.Entry.Text!),
            Vote = new(settings.Samples, 0, 0, "majority", false),
        };
        return new(result, code, [.. samples.Select(sample => sample.Reply.Code)], isCorrect);
    }

    AssembledRow Voted(TeacherRow row, List<ParsedSample> samples, Ballot ballot)
    {
        var winner = ballot.Agreeing[0];
        string label = winner.Reply.Label!;
        double agreement = (double)ballot.Agreeing.Count / settings.Samples;
        bool? isCorrect = IsCorrect(row, label);
        var flags = new List<string>(winner.Reply.Flags);
        if (isCorrect == false) flags.Add("label_mismatch");
        if (winner.Reply.Rationale!.Length == 0) flags.Add("empty_rationale");
        if (ballot.IsTie) flags.Add("tie");
        if (samples.Count < settings.Samples) flags.Add("missing_samples");
        string? reason = null;
        if (agreement < settings.Task.Filter.MinAgreement)
        {
            flags.Add("low_agreement");
            reason = Invariant($"{ballot.Agreeing.Count} of {settings.Samples} samples agree ")
                + Invariant($"(expected a share of at least {settings.Task.Filter.MinAgreement}).");
        }
        else if (isCorrect == false && settings.Task.Filter.RequireLabelMatch)
        {
            reason = $"the teacher's label '{label}' is not the gold label '{row.Source.Label}'.";
        }
        var result = Start(row, samples, winner.Entry) with
        {
            TeacherLabel = label,
            Rationale = winner.Reply.Rationale.Length == 0 ? null : winner.Reply.Rationale,
            Rationales = Alternatives(ballot),
            Status = reason is null ? RationaleStatus.Ok : RationaleStatus.Filtered,
            Flags = flags,
            Reason = reason,
            Raw = reason is null ? null : Clip(winner.Entry.Text!),
            // A filtered row trains its gold label only, which the teacher's doubts are no reason to weaken.
            Weight = reason is null ? agreement : 1,
            Vote = new(settings.Samples, ballot.Valid, ballot.Agreeing.Count, "majority", ballot.IsTie),
        };
        if (isCorrect == false) isCorrect = IsCorrectByLogic(row, label);
        return new(result, ParseCode.Ok, [.. samples.Select(sample => sample.Reply.Code)], isCorrect);
    }

    /// <summary>Everything that does not depend on what the answers say.</summary>
    RationaleRow Start(TeacherRow row, List<ParsedSample> samples, JournalEntry source) => new()
    {
        Id = row.Id,
        Input = row.Source.Input,
        Label = row.Source.Label,
        Status = RationaleStatus.Ok,
        Split = row.Split,
        Fields = row.Source.Fields,
        Samples = [.. samples.Select(sample => new TeacherSample(sample.Index, sample.Reply.Label, ParseCodes.NameOf(sample.Reply.Code),
            sample.Entry.Finish, sample.Entry.Usage?.Input, sample.Entry.Usage?.Output, sample.Entry.Key))],
        Usage = UsageOf(samples),
        Provenance = settings.Provenance with
        {
            Created = source.Time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        },
    };

    TeacherUsage? UsageOf(List<ParsedSample> samples)
    {
        if (samples.TrueForAll(sample => sample.Entry.Usage is null)) return null;
        long? input = Sum(samples, usage => usage.Input), output = Sum(samples, usage => usage.Output);
        double? dollars = settings.Cost is { } cost && input is not null && output is not null ? cost(input.Value, output.Value) : null;
        return new(input, output, Sum(samples, usage => usage.Cached), dollars);
    }

    static long? Sum(List<ParsedSample> samples, Func<TokenUsage, long?> count)
    {
        long? sum = null;
        foreach (var sample in samples)
        {
            if (sample.Entry.Usage is { } usage && count(usage) is { } tokens) sum = (sum ?? 0) + tokens;
        }
        return sum;
    }

    bool? IsCorrect(TeacherRow row, string? label) => label is not null && row.Source.Label is { } gold
        ? _metric.Score(label, gold, row.Source.Choices) == 1
        : null;

    /// <summary>The published accuracy gives "(34 + 40) and (62 - 17)" the value of its last part; the metric, which the trainer goes by,
    /// gives it none.</summary>
    bool IsCorrectByLogic(TeacherRow row, string label) =>
        settings is { Parser: PublishedReplyParser, Task.Category: TaskCategory.Equation }
        && EquationEvaluator.EvaluateWithLogic(label) == EquationEvaluator.EvaluateWithLogic(row.Source.Label);

    /// <summary>Further rationales for the winning label, each text once.</summary>
    static List<string> Alternatives(Ballot ballot)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal) { ChoiceMatch.Simplify(ballot.Agreeing[0].Reply.Rationale!) };
        var others = new List<string>();
        foreach (var sample in ballot.Agreeing.Skip(1))
        {
            string rationale = sample.Reply.Rationale!;
            if (rationale.Length > 0 && seen.Add(ChoiceMatch.Simplify(rationale))) others.Add(rationale);
        }
        return others;
    }

    static string Describe(ParseCode code, string reason, int count, int all) =>
        all == 1 ? $"{ParseCodes.NameOf(code)}: {reason}" : $"{ParseCodes.NameOf(code)} ({count} of {all}): {reason}";

    static string Clip(string text)
    {
        if (text.Length <= MaxRawChars) return text;
        int end = char.IsHighSurrogate(text[MaxRawChars - 1]) ? MaxRawChars - 1 : MaxRawChars;
        return text[..end] + "…";
    }

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
