using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Tokenization;

namespace DistillEngine.Training;

/// <summary>Labelled rows, encoded once, and the metric they are measured with.</summary>
/// <remarks>Answers and labels are compared as the published metric compares them: both decoded from ids, with the space clean-up.</remarks>
public sealed class Evaluator
{
    readonly IReadOnlyList<EvaluationExample> _examples;
    readonly SentencePieceTokenizer _tokenizer;
    readonly Metric _metric;
    readonly string[] _labels;

    /// <param name="examples">At least one.</param>
    public Evaluator(IReadOnlyList<EvaluationExample> examples, TaskEncoder encoder, SentencePieceTokenizer tokenizer, Metric metric)
    {
        (_examples, _tokenizer, _metric) = (examples, tokenizer, metric);
        int[][] sources = new int[examples.Count][];
        _labels = new string[examples.Count];
        var ids = new List<int>();
        for (int i = 0; i < sources.Length; i++)
        {
            ids.Clear();
            encoder.EncodeInput(examples[i].Segments, TaskKind.Label, ids);
            sources[i] = [.. ids];
            ids.Clear();
            encoder.EncodeLabel(examples[i].Label, ids);
            _labels[i] = tokenizer.DecodeForMetric(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids));
        }
        Sources = sources;
    }

    /// <summary>Encoded inputs in the examples' order.</summary>
    public IReadOnlyList<int[]> Sources { get; }

    public EvaluationResult Run(BatchGenerator generator, Action<int>? progress = null, CancellationToken cancel = default)
    {
        int[][] answers = generator.Generate(Sources, progress, cancel);
        string[] predictions = [.. answers.Select(ids => _tokenizer.DecodeForMetric(ids))];
        var rows = new EvaluatedRow[predictions.Length];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = new(_examples[i].Id, _labels[i], predictions[i], _metric.Score(predictions[i], _labels[i], _examples[i].Choices));
        double accuracy = _metric.Evaluate(predictions, _labels, [.. _examples.Select(e => e.Choices)]);
        return new(_metric.Name, accuracy, _metric.IsProportion ? Proportion.Wilson(rows.Count(r => r.Score == 1), rows.Length) : null, rows);
    }
}
