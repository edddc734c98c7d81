using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Import;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Verification;

/// <summary>The published data sets themselves: parsed, split, encoded and batched as the run recorded.</summary>
sealed class PublishedRows
{
    readonly PublishedRun _run;
    readonly TaskDefinition _task;
    readonly PublishedParser _parser;
    readonly PublishedVocabulary _vocabulary;
    readonly List<RationaleRow> _train, _valid, _test;

    PublishedRows(PublishedRun run, DataFolder data, PublishedVocabulary vocabulary)
    {
        (_run, _vocabulary, _task, _parser) = (run, vocabulary, TaskReader.Load(run.Dataset), PublishedParser.For(run.Dataset));
        List<RationaleRow> rows = DssImporter.Read(_task, "train", data.Path, null, out _);
        PublishedSplit split = PublishedSplit.Of(rows.Count);
        (_train, _valid) = ([.. split.Train.Select(row => rows[row])], [.. split.Valid.Select(row => rows[row])]);
        _test = DssImporter.Read(_task, "test", data.Path, null, out _);
    }

    public static void Run(PublishedRun run, PaddedBatch[][][] batches, DataFolder? data, PublishedVocabulary vocabulary, CaseReport report)
    {
        string path = run.PathOf("rows.safetensors");
        if (!report.Has("rows", path)) return;
        if (data is null)
        {
            report.Skip("rows", DataFolder.Missing);
            return;
        }
        var rows = new PublishedRows(run, data, vocabulary);
        report.Guard("rows", () => rows.CompareRows(path, report));
        report.Guard("batches from rows", () => rows.CompareBatches(batches, report));
        if (run.Record.FindValue("llm_label_accuracy") is { } accuracy)
            report.Guard("teacher accuracy", () => rows.CompareAccuracy(accuracy, report));
    }

    void CompareRows(string path, CaseReport report)
    {
        using var file = GoldenTensors.Open(path);
        Differences texts = new(), ids = new();
        foreach (var (split, rows) in new[] { ("train", _train), ("valid", _valid), ("test", _test) })
        {
            // Only what is trained on takes the teacher's labels.
            bool isTeachers = _run.TrainsTeacherLabels && split == "train";
            report.Cancel.ThrowIfCancellationRequested();
            string[] labels = [.. rows.Select(row => isTeachers ? PublishedView.TeacherLabel(row, _parser) : row.Label!)];
            string[] rationales = [.. rows.Select(row => PublishedView.Rationale(row, _parser))];
            string[] inputs = [.. rows.Select(row => row.Input)];
            SeeTexts($"{split}.input", inputs);
            SeeTexts($"{split}.label", labels);
            SeeTexts($"{split}.rationale", rationales);
            SeeTexts($"{split}.llm_label", [.. rows.Select(row => PublishedView.TeacherLabel(row, _parser))]);
            SeeIds($"{split}.labels", labels, PublishedTexts.MaxTargetTokens);
            SeeIds($"{split}.input_ids", [.. inputs.Select(text => _run.IsTaskPrefix ? _task.Student.LabelPrefix + text : text)],
                PublishedTexts.MaxInputTokens);
            if (!_run.IsTaskPrefix) continue;
            SeeIds($"{split}.expl_input_ids", [.. inputs.Select(text => _task.Student.RationalePrefix + text)],
                PublishedTexts.MaxInputTokens);
            SeeIds($"{split}.aux_labels", rationales, PublishedTexts.MaxTargetTokens);
        }
        report.Add("rows: texts", texts);
        report.Add("rows: ids", ids);

        void SeeTexts(string column, string[] got)
        {
            long[] expected = file.LongIntegers($"{column}.text_crc32");
            texts.See($"{column}, rows", got.Length, expected.Length);
            for (int i = 0; i < Math.Min(got.Length, expected.Length); i++)
                texts.See($"{column}, row {i}", Crc32.Of(got[i]) == expected[i], () => $"the text is '{got[i]}'");
        }

        void SeeIds(string column, string[] got, int limit)
        {
            long[] expected = file.LongIntegers($"{column}.crc32");
            int[] lengths = file.Integers($"{column}.length");
            ids.See($"{column}, rows", got.Length, expected.Length);
            for (int i = 0; i < Math.Min(got.Length, expected.Length); i++)
            {
                int[] encoded = _vocabulary.Encode(got[i], limit);
                ids.See($"{column}, row {i}", encoded.Length == lengths[i] && Crc32.Of(encoded) == expected[i],
                    () => $"the text is '{got[i]}'");
            }
        }
    }

    /// <summary>The engine's own way from rows to batches gives the ids that the run trained on.</summary>
    void CompareBatches(PaddedBatch[][][] recorded, CaseReport report)
    {
        var method = _run.IsTaskPrefix ? TrainingMethod.StepByStep : TrainingMethod.Standard;
        List<TrainingExample> examples = [.. _train.Select(row => new TrainingExample(row.Id, TrainingSelection.Segments(row, _task),
            _run.TrainsTeacherLabels ? PublishedView.TeacherLabel(row, _parser) : row.Label!, [PublishedView.Rationale(row, _parser)], 1))];
        ExampleSet encoded = ExampleSet.Encode(examples, new TaskEncoder(_task.Student, _vocabulary.Tokenizer, method));
        var batcher = new Batcher(encoded, new BatcherOptions(_run.BatchRows, _run.Accumulate, _run.Arguments["seed"].Unsigned,
            RowOrder.Published));
        var batch = new Batch(batcher.Limits);
        var differences = new Differences();
        for (int step = 0; step < recorded.Length; step++)
        {
            differences.See($"step {step + 1}, micro-batches", batcher.BeginStep().MicroBatches, recorded[step].Length);
            for (int micro = 0; micro < recorded[step].Length; micro++)
            {
                batcher.Fill(batch);
                SeeBatch($"step {step + 1}, micro-batch {micro}", batch, recorded[step][micro],
                    _run.Steps[step]["micro_batches"].Items[micro]["rows"].Integers, examples, differences);
            }
        }
        report.Add("batches from rows", differences);
    }

    void SeeBatch(string where, Batch batch, PaddedBatch[] parts, int[] rows, List<TrainingExample> examples, Differences differences)
    {
        differences.See($"{where}, sequences", batch.SequenceCount, parts.Sum(part => part.Rows));
        if (batch.SequenceCount != parts.Sum(part => part.Rows)) return;
        for (int s = 0; s < batch.SequenceCount; s++)
        {
            // A row's predict sequence stands before its explain sequence.
            var (row, part) = (s / parts.Length, s % parts.Length);
            string target = part == 0 ? examples[rows[row]].Label : examples[rows[row]].Rationales[0];
            differences.See($"{where}, row {row}, source", batch.SourceIds.AsSpan(batch.SourceStarts[s]..batch.SourceStarts[s + 1]),
                parts[part].Source(row));
            differences.See($"{where}, row {row}, target", batch.Labels.AsSpan(batch.TargetStarts[s]..batch.TargetStarts[s + 1]),
                _vocabulary.WithoutFinalSpace(parts[part].Labels(row), target));
        }
    }

    void CompareAccuracy(GoldenJson recorded, CaseReport report)
    {
        var worst = new Worst();
        worst.SeeRelative("train", Accuracy(_train), recorded["train"].Number, Tolerances.LearningRate);
        worst.SeeRelative("test", Accuracy(_test), recorded["test"].Number, Tolerances.LearningRate);
        report.Add("teacher accuracy", worst);
    }

    double Accuracy(List<RationaleRow> rows) => rows.Average(row =>
    {
        string teacher = PublishedView.TeacherLabel(row, _parser), gold = row.Label!;
        return _task.Category == TaskCategory.Equation
            ? EquationEvaluator.EvaluateWithLogic(teacher) == EquationEvaluator.EvaluateWithLogic(gold) ? 1.0 : 0
            : string.Equals(teacher, gold, StringComparison.Ordinal) ? 1 : 0;
    });
}
