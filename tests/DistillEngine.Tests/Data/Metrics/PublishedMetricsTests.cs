using System.Globalization;
using System.Text.Json;
using DistillEngine.Data.Import;
using DistillEngine.Data.Metrics;
using Xunit;

namespace DistillEngine.Tests.Data.Metrics;

/// <summary>The metrics and parsers against values recorded from the published code.</summary>
public class PublishedMetricsTests
{
    /// <summary>Texts that Python's eval gives a value although they are no arithmetic: they are not comparable, and NaN here.</summary>
    static readonly string[] OutsideTheGrammar =
    [
        "1,000", "( 5.0, 3.0 )", "1 == 1", "1 < 2 < 3", "True", "None", "'6.0'", "~5", "3 and 4", "[6.0]", "( )", "0x10", "6.0 # note",
        "min ( 6.0 , 7.0 )", "max", "6if 1 else 2", "6j",
    ];

    static readonly JsonElement Golden =
        JsonDocument.Parse(File.ReadAllBytes(DataFiles.Golden("published/metrics/metrics.json"))).RootElement;

    [Fact]
    public void EquationValue_OfEveryRecordedText_IsPythonsOrNotComparable()
    {
        var outside = new List<string>();
        foreach (var entry in Golden.GetProperty("eval_equation").EnumerateArray())
        {
            string text = entry.GetProperty("equation").GetString()!;
            double value = EquationEvaluator.Evaluate(text);
            bool isNumber = entry.GetProperty("type").GetString() is "int" or "float";
            if (entry.GetProperty("nan").GetBoolean()) Assert.True(double.IsNaN(value), text);
            else if (!isNumber || double.IsNaN(value)) outside.Add(text);
            else Assert.Equal(ParsePython(entry.GetProperty("repr").GetString()!), value);
            if (!isNumber) Assert.True(double.IsNaN(value), text);
        }
        Assert.Equal(OutsideTheGrammar, outside);
    }

    [Fact]
    public void EquationAccuracy_OfEveryRecordedCase_IsThePublishedOneWhereComparable()
    {
        int compared = 0;
        foreach (var entry in Golden.GetProperty("compute_equation_acc").EnumerateArray())
        {
            string[] predictions = Strings(entry.GetProperty("preds")), labels = Strings(entry.GetProperty("labels"));
            for (int i = 0; i < labels.Length; i++)
            {
                if (OutsideTheGrammar.Contains(predictions[i]) || OutsideTheGrammar.Contains(labels[i]))
                {
                    Assert.Equal(0, new EquationValue().Score(predictions[i], labels[i]));
                    continue;
                }
                compared++;
                Assert.Equal(entry.GetProperty("elementwise")[i].GetProperty("value").GetDouble(),
                    new EquationValue().Score(predictions[i], labels[i]));
            }
        }
        Assert.Equal(24, compared);
    }

    [Fact]
    public void TextAccuracy_OfTheRecordedCase_IsThePublishedOne()
    {
        var entry = Golden.GetProperty("compute_metrics_text");
        Assert.Equal(entry.GetProperty("accuracy").GetDouble(),
            new ExactMatch().Evaluate(Strings(entry.GetProperty("decoded_preds")), Strings(entry.GetProperty("decoded_labels"))));
    }

    [Fact]
    public void Parse_OfEveryRecordedOutput_GivesThePublishedParts()
    {
        foreach (var entry in Golden.GetProperty("parse_llm_output").EnumerateArray())
        {
            var parsed = PublishedParser.For(entry.GetProperty("dataset").GetString()!).Parse(entry.GetProperty("output").GetString()!);
            Assert.Equal(entry.TryGetProperty("error", out _), parsed.EndsThePublishedRun);
            if (parsed.EndsThePublishedRun) continue;
            Assert.Equal(entry.GetProperty("rationale").GetString(), parsed.Rationale);
            Assert.Equal(entry.GetProperty("label").GetString(), parsed.Label);
        }
    }

    static double ParsePython(string text) => text == "inf" ? double.PositiveInfinity : double.Parse(text, CultureInfo.InvariantCulture);

    static string[] Strings(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetString()!)];
}
