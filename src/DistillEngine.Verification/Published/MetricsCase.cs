using System.Globalization;
using System.Text.RegularExpressions;
using DistillEngine.Data.Import;
using DistillEngine.Data.Metrics;

namespace DistillEngine.Verification;

/// <summary>The published metrics, parsers and decoder on made-up texts.</summary>
static partial class MetricsCase
{
    public static void Run(string folder, PublishedVocabulary? vocabulary, CaseReport report)
    {
        GoldenJson record = GoldenJson.Load(Path.Combine(folder, "metrics.json"));
        report.Guard("equations", () => CompareEquations(record["eval_equation"], report));
        report.Guard("equation accuracy", () => CompareAccuracies(record["compute_equation_acc"], report));
        report.Guard("parsed outputs", () => CompareParsers(record["parse_llm_output"], report));
        if (vocabulary is null)
        {
            report.Skip("decoded texts", PublishedVocabulary.Missing);
            return;
        }
        report.Guard("decoded texts", () => CompareDecoding(record["decode"], vocabulary, report));
        report.Guard("text metric", () => CompareMetric("text metric", record["compute_metrics_text"], new ExactMatch(), vocabulary,
            report));
        report.Guard("equation metric", () => CompareMetric("equation metric", record["compute_metrics_equation"], new EquationValue(),
            vocabulary, report));
    }

    /// <summary>Characters that arithmetic is written with; a text that holds others, which the published metric hands to Python, is
    /// outside our grammar and has no value here, whatever Python makes of it.</summary>
    [GeneratedRegex(@"^[0-9eE_.+\-*/%() \t\f\r\n]*$")]
    private static partial Regex Arithmetic();

    static bool IsComparable(string text) => Arithmetic().IsMatch(text);

    static void CompareEquations(GoldenJson rows, CaseReport report)
    {
        Differences values = new(), outside = new();
        List<string> left = [];
        foreach (GoldenJson row in rows.Items)
        {
            string text = row["equation"].Text;
            double got = EquationEvaluator.Evaluate(text);
            // A tuple or truth value is no number, even where it is written with the characters of one.
            if (IsComparable(text) && row["type"].Text is "float" or "int")
            {
                double expected = row["nan"].Boolean ? double.NaN : ParseRepr(row["repr"]);
                values.See($"'{text}'", got.Equals(expected), () => $"got {got}, expected {expected}");
            }
            else
            {
                outside.See($"'{text}'", double.IsNaN(got), () => $"got {got}, expected no value");
                if (!row["nan"].Boolean) left.Add($"'{text}'");
            }
        }
        report.Add("equations", values);
        report.Add("equations outside the grammar have no value", outside);
        if (left.Count > 0)
            report.Skip("equations outside the grammar", $"not comparable, Python gives these a value: {string.Join("  ", left)}");
    }

    static void CompareAccuracies(GoldenJson sets, CaseReport report)
    {
        var differences = new Differences();
        var metric = new EquationValue();
        int left = 0;
        foreach (GoldenJson set in sets.Items)
        {
            string[] predictions = set["preds"].Texts, labels = set["labels"].Texts;
            IReadOnlyList<GoldenJson> scores = set["elementwise"].Items;
            for (int i = 0; i < predictions.Length; i++)
            {
                if (IsComparable(predictions[i]) && IsComparable(labels[i]))
                    See($"'{predictions[i]}' for '{labels[i]}'", metric.Score(predictions[i], labels[i]), scores[i]["value"].Number);
                else
                    left++;
            }
            if (predictions.Concat(labels).All(IsComparable) && set["accuracy"].FindValue("value") is { } accuracy)
                See($"{predictions.Length} together", metric.Evaluate(predictions, labels), accuracy.Number);
            else
                left++;
        }
        report.Add("equation accuracy", differences);
        if (left > 0)
            report.Skip("equation accuracy outside the grammar", $"not comparable: {left} of texts that only Python gives a value");

        void See(string where, double got, double expected) =>
            differences.See(where, got == expected, () => $"got {got}, expected {expected}");
    }

    static void CompareParsers(GoldenJson rows, CaseReport report)
    {
        var differences = new Differences();
        foreach (GoldenJson row in rows.Items)
        {
            string output = row["output"].Text;
            ParsedOutput parsed = PublishedParser.For(row["dataset"].Text).Parse(output);
            bool ends = row.FindValue("error") is not null;
            differences.See($"'{output}', error", parsed.EndsThePublishedRun == ends,
                () => $"got {parsed.EndsThePublishedRun}, expected {ends}");
            if (ends) continue;
            differences.See($"'{output}', rationale", parsed.Rationale, row["rationale"].Text);
            differences.See($"'{output}', label", parsed.Label, row["label"].Text);
        }
        report.Add("parsed outputs", differences);
    }

    static void CompareDecoding(GoldenJson rows, PublishedVocabulary vocabulary, CaseReport report)
    {
        Differences ids = new(), texts = new();
        foreach (GoldenJson row in rows.Items)
        {
            string text = row["text"].Text;
            int[] expected = row["ids"].Integers;
            // Sentinels that a text spells are read as such by the recorded tokenizer; ours leaves that to the task.
            if (!text.Contains("<extra_id_", StringComparison.Ordinal)) ids.See($"'{text}'", vocabulary.Encode(text), expected);
            texts.See($"'{text}'", vocabulary.Tokenizer.DecodeForMetric(expected), row["decoded"].Text);
            texts.See($"'{text}'", vocabulary.Tokenizer.Decode(expected, skipSpecialTokens: true), row["decoded_without_clean_up"].Text);
        }
        report.Add("encoded texts", ids);
        report.Add("decoded texts", texts);
    }

    static void CompareMetric(string name, GoldenJson record, Metric metric, PublishedVocabulary vocabulary, CaseReport report)
    {
        string[] predictions = Decode("prediction_ids"), labels = Decode("label_ids");
        string[] expected = record["decoded_preds"].Texts, expectedLabels = record["decoded_labels"].Texts;
        var differences = new Differences();
        for (int i = 0; i < predictions.Length; i++)
        {
            differences.See($"prediction {i}", predictions[i], expected[i]);
            differences.See($"label {i}", labels[i], expectedLabels[i]);
        }
        if (metric is not EquationValue || predictions.Concat(labels).All(IsComparable))
        {
            double got = metric.Evaluate(predictions, labels), accuracy = record["accuracy"].Number;
            differences.See("accuracy", got == accuracy, () => $"got {got}, expected {accuracy}");
        }
        else
        {
            report.Skip($"{name}: accuracy", "not comparable: holds texts that only Python gives a value");
        }
        report.Add(name, differences);

        string[] Decode(string key) =>
            [.. record[key].Items.Select(row => vocabulary.Tokenizer.DecodeForMetric([.. row.Integers.Where(id => id >= 0)]))];
    }

    static double ParseRepr(GoldenJson repr) => repr.Text switch
    {
        "inf" => double.PositiveInfinity,
        "-inf" => double.NegativeInfinity,
        string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) => value,
        _ => throw repr.Error("", "a number as Python prints it"),
    };
}
