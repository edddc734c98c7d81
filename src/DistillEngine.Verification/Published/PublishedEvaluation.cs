using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Verification;

/// <summary>The evaluation after the last step: losses of the first batches, generated ids, and texts decoded from ids.</summary>
sealed class PublishedEvaluation
{
    readonly PublishedRun _run;
    readonly GoldenJson _record;
    readonly List<Part> _parts;

    PublishedEvaluation(PublishedRun run, GoldenJson record, List<Part> parts) => (_run, _record, _parts) = (run, record, parts);

    /// <summary>What a model needs for one batch of both parts.</summary>
    public BatchLimits Limits => Batches().Select(rows => PaddedBatch.LimitsOf([.. _parts.Select(part => part.Batch(rows))]))
        .Aggregate(BatchLimits.Larger);

    /// <summary>Null where the folder lacks the evaluation, which the report is told of.</summary>
    public static PublishedEvaluation? TryRead(PublishedRun run, int vocabulary, CaseReport report)
    {
        string path = run.PathOf("evaluation.safetensors"), texts = run.PathOf("evaluation.json");
        if (!report.Has("evaluation", path) || !report.Has("evaluation", texts)) return null;
        using var file = GoldenTensors.Open(path);
        var parts = new List<Part> { Part.Read(file, "predict", TaskKind.Label, vocabulary) };
        if (run.OutputsRationales || file.Contains("explain.generated")) parts.Add(Part.Read(file, "explain", TaskKind.Rationale, vocabulary));
        return new(run, GoldenJson.Load(texts), parts);
    }

    /// <param name="model">With the trained weights.</param>
    public void Run(T5Model model, PublishedVocabulary? vocabulary, CaseReport report)
    {
        report.Guard("evaluation losses", () => CompareLosses(model, report));
        report.Guard("generated ids", () => CompareGenerated(model, report));
        if (vocabulary is null) report.Skip("decoded texts", PublishedVocabulary.Missing);
        else report.Guard("decoded texts", () => CompareTexts(vocabulary, report));
    }

    void CompareLosses(T5Model model, CaseReport report)
    {
        IReadOnlyList<GoldenJson> expected = _record["evaluations"].Items[^1]["batch_losses"].Items;
        var worst = new Worst();
        var batch = new Batch(model.Limits);
        foreach (Range rows in Batches())
        {
            report.Cancel.ThrowIfCancellationRequested();
            // A label longer than what was recorded of it has no end there, so the batch's loss cannot be computed from the record.
            if (!_parts.TrueForAll(part => part.HasWholeLabels(rows, model.Config.EosId))) continue;
            batch.Clear();
            foreach (Part part in _parts) part.Batch(rows).AddTo(batch, part.Task, model.Config.DecoderStartId);
            model.Forward(batch, DropoutSettings.Off);
            var (label, rationale) = model.MeanLosses(batch);
            double loss = _parts.Count == 1 ? label : _run.Alpha * label + (1 - _run.Alpha) * rationale;
            int index = rows.Start.Value / _run.EvaluationRows;
            worst.SeeRelative($"batch {index}", loss, expected[index].Number, Tolerances.PublishedLoss);
        }
        if (worst.Where is null) report.Skip("evaluation losses", "no recorded batch has whole labels");
        else report.Add("evaluation losses", worst);
    }

    void CompareGenerated(T5Model model, CaseReport report)
    {
        int width = _run.Arguments["generation_max_length"].Integer;
        var options = new GenerationOptions { MaxNewTokens = width - 1 };
        using var generator = new GreedyGenerator(model, options.MaxNewTokens);
        var batch = new Batch(model.Limits);
        foreach (Part part in _parts)
        {
            var differences = new Differences();
            foreach (Range rows in Batches())
            {
                report.Cancel.ThrowIfCancellationRequested();
                batch.Clear();
                part.Batch(rows).AddTo(batch, part.Task, model.Config.DecoderStartId);
                int[] sequences = new int[batch.SequenceCount * width], lengths = new int[batch.SequenceCount];
                generator.Generate(batch, options, sequences, lengths);
                for (int i = 0; i < batch.SequenceCount; i++)
                    part.CompareGenerated(rows.Start.Value + i, sequences.AsSpan(i * width, width), differences);
            }
            report.Add($"generated ids, {part.Name}", differences);
        }
    }

    void CompareTexts(PublishedVocabulary vocabulary, CaseReport report)
    {
        var differences = new Differences();
        foreach (GoldenJson row in _record["rows"].Items)
        {
            foreach (Part part in _parts)
            {
                GoldenJson texts = row[part.Name];
                See("decoded_prediction", texts["generated_ids"].Integers);
                See("decoded_label", texts["label_ids"].Integers);

                void See(string name, int[] ids)
                {
                    // Ids that no piece has, because the embedding is larger than the vocabulary, have no text; label padding is left out.
                    int[] known = [.. ids.Where(id => (uint)id < (uint)vocabulary.Tokenizer.VocabularySize)];
                    differences.See($"row {row["row"].Integer}, {part.Name}, {name}", vocabulary.Tokenizer.DecodeForMetric(known),
                        texts[name].Text);
                }
            }
        }
        report.Add("decoded texts", differences);
    }

    /// <summary>Whole batches of the recorded rows, as the evaluation took them.</summary>
    IEnumerable<Range> Batches()
    {
        int size = _run.EvaluationRows;
        for (int start = 0; start + size <= _parts[0].Rows; start += size) yield return start..(start + size);
    }

    /// <summary>What one task recorded of the first test rows.</summary>
    sealed class Part
    {
        readonly int[][] _sources, _labels, _generated;
        readonly float[][] _margins;

        Part(string name, TaskKind task, int[][] sources, int[][] labels, int[][] generated, float[][] margins) =>
            (Name, Task, _sources, _labels, _generated, _margins) = (name, task, sources, labels, generated, margins);

        public string Name { get; }

        public TaskKind Task { get; }

        public int Rows => _sources.Length;

        public static Part Read(GoldenTensors file, string name, TaskKind task, int vocabulary)
        {
            int[] lengths = file.Integers($"{name}.input_lengths");
            int[][] inputs = Split(file.Integers($"{name}.input_ids"), lengths.Length);
            int[][] labels = Split(file.Integers($"{name}.label_ids"), lengths.Length);
            if (inputs.Where((row, r) => lengths[r] < 1 || lengths[r] > row.Length || row.Any(id => id < 0)).Any()
                || inputs.Concat(labels).Any(row => row.Any(id => id >= vocabulary)))
                throw new InvalidDataException($"{file.Path}: '{name}' has lengths or ids out of range. Copy the golden again.");
            // Labels are padded with −100 or 0; neither ends one.
            return new(name, task, [.. inputs.Select((row, r) => row[..lengths[r]])],
                [.. labels.Select(row => row.TakeWhile(id => id > 0).ToArray())],
                Split(file.Integers($"{name}.generated"), lengths.Length), Split(file.Floats($"{name}.margins"), lengths.Length));
        }

        public PaddedBatch Batch(Range rows) => PaddedBatch.Of(_sources[rows], _labels[rows]);

        public bool HasWholeLabels(Range rows, int eosId) =>
            Array.TrueForAll(_labels[rows], label => label.Length > 0 && label[^1] == eosId);

        public void CompareGenerated(int row, ReadOnlySpan<int> got, Differences differences)
        {
            int[] expected = _generated[row];
            int at = got.CommonPrefixLength(expected);
            // Where two logits lie as close as rounding, either may win, and all that follows may differ.
            ReadOnlySpan<float> margins = _margins[row].AsSpan(0, Math.Min(at, _margins[row].Length));
            if (at < expected.Length && margins.ContainsAnyInRange(0, (float)Tolerances.PublishedMargin)) got = expected;
            differences.See($"row {row}", got, expected);
        }

        static T[][] Split<T>(T[] values, int rows)
        {
            int width = values.Length / rows;
            return [.. Enumerable.Range(0, rows).Select(r => values[(r * width)..((r + 1) * width)])];
        }
    }
}
