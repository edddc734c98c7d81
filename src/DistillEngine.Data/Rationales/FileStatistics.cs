using DistillEngine.Data.Batching;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Tasks;
using DistillEngine.Data.Tokenization;

namespace DistillEngine.Data.Rationales;

/// <summary>What a rationale file holds.</summary>
/// <param name="Statuses">Rows by status, the most frequent first.</param>
/// <param name="Flags">Rows by flag.</param>
/// <param name="Labels">Rows by gold label.</param>
/// <param name="TeacherRows">Rows over which the teacher is judged: those with a gold label that it gave a label for, or whose answer
/// failed to parse.</param>
/// <param name="TeacherCorrect">Rows of these whose teacher's label is right by the task's metric.</param>
/// <param name="Words">Lengths in words, by text: input, label, rationale.</param>
/// <param name="Tokens">Lengths in tokens without prefix and <c>&lt;/s&gt;</c>; empty without a tokenizer.</param>
public sealed record FileStatistics(
    int Rows, int WithRationale,
    IReadOnlyList<KeyValuePair<string, int>> Statuses, IReadOnlyList<KeyValuePair<string, int>> Flags, IReadOnlyList<KeyValuePair<string,
        int>> Labels,
    int TeacherRows, int TeacherCorrect,
    IReadOnlyList<KeyValuePair<string, LengthSummary>> Words, IReadOnlyList<KeyValuePair<string, LengthSummary>> Tokens)
{
    static readonly string[] Texts = ["input", "label", "rationale"];

    /// <summary>Share of <see cref="TeacherRows"/>, 0 to 1, or null where there are none.</summary>
    public double? TeacherAccuracy => TeacherRows == 0 ? null : (double)TeacherCorrect / TeacherRows;

    public static FileStatistics Of(IEnumerable<RationaleRow> rows, TaskDefinition task, ITokenizer? tokenizer = null)
    {
        var metric = Metric.Named(task.Metric);
        Dictionary<string, int> statuses = [], flags = [], labels = [];
        List<int>[] words = [[], [], []], tokens = [[], [], []];
        var ids = new List<int>();
        int count = 0, withRationale = 0, judged = 0, correct = 0;
        foreach (var row in rows)
        {
            count++;
            Add(statuses, RationaleWriter.NameOf(row.Status));
            foreach (string flag in row.Flags) Add(flags, flag);
            if (row.Label is not null) Add(labels, row.Label);
            string? rationale = row.TrainableRationales().FirstOrDefault();
            if (rationale is not null) withRationale++;
            if (row.Label is not null && (row.TeacherLabel is not null || row.Status == RationaleStatus.ParseFailed))
            {
                judged++;
                if (row.TeacherLabel is not null && metric.Score(row.TeacherLabel, row.Label!,
                    TrainingSelection.Choices(row, task)) == 1) correct++;
            }
            ReadOnlySpan<string?> texts = [row.Input, row.Label, rationale];
            for (int i = 0; i < texts.Length; i++)
            {
                if (texts[i] is not { } text) continue;
                words[i].Add(text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length);
                if (tokenizer is null) continue;
                ids.Clear();
                tokenizer.Encode(text, ids);
                tokens[i].Add(ids.Count);
            }
        }
        return new(count, withRationale, Sorted(statuses), Sorted(flags), Sorted(labels), judged, correct, Summaries(words),
            tokenizer is null ? [] : Summaries(tokens));
    }

    static void Add(Dictionary<string, int> counts, string key) => counts[key] = counts.GetValueOrDefault(key) + 1;

    static List<KeyValuePair<string, int>> Sorted(Dictionary<string, int> counts) =>
        [.. counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal)];

    static List<KeyValuePair<string, LengthSummary>> Summaries(List<int>[] lengths) =>
        [.. Texts.Select((text, i) => KeyValuePair.Create(text, LengthSummary.Of(lengths[i])))];
}
