using System.Globalization;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>Two-task training runs, step by step: losses, gradient norms, learning rates, and the parameters at the recorded
/// steps.</summary>
static class TrainingChecks
{
    /// <summary>Begins the names of a run's checks.</summary>
    public const string Prefix = "training ";

    static readonly string[] Tasks = ["predict", "explain"];

    public static void Run(string folder, GoldenJson record, ModelFolder files, IBackend backend, CaseReport report)
    {
        if (record.FindValue("training") is not { } runs || !runs.Members.Any()) return;
        PaddedBatch[][] pairs = ReadPairs(folder, files.Config.VocabularySize);
        BatchLimits limits = pairs.Select(p => PaddedBatch.LimitsOf(p)).Aggregate(BatchLimits.Larger);
        using var model = new T5Model(files.Config, limits, backend, training: true);
        Batch[] batches = [.. pairs.Select(p => Pack(p, model))];
        foreach (var (name, run) in runs.Members)
            report.Guard($"{Prefix}{name}", () => RunOne(folder, name, run, files, model, batches, report));
    }

    static PaddedBatch[][] ReadPairs(string folder, int vocabulary)
    {
        using var file = GoldenTensors.Open(Path.Combine(folder, "training_batches.safetensors"));
        var pairs = new List<PaddedBatch[]>();
        while (file.Contains($"predict.{pairs.Count}.input_ids"))
            pairs.Add([.. Tasks.Select(task => PaddedBatch.Read(file, $"{task}.{pairs.Count}.", vocabulary))]);
        return pairs.Count > 0
            ? [.. pairs]
            : throw new InvalidDataException($"{file.Path}: tensor 'predict.0.input_ids' is missing. Copy the golden again.");
    }

    /// <summary>Both tasks of a step travel together, as the trainer packs them.</summary>
    static Batch Pack(PaddedBatch[] pair, T5Model model)
    {
        var batch = new Batch(model.Limits);
        pair[0].AddTo(batch, TaskKind.Label, model.Config.DecoderStartId);
        pair[1].AddTo(batch, TaskKind.Rationale, model.Config.DecoderStartId);
        return batch;
    }

    static void RunOne(string folder, string name, GoldenJson run, ModelFolder files, T5Model model, Batch[] batches, CaseReport report)
    {
        IReadOnlyList<GoldenJson> steps = run["steps"].Items;
        GoldenJson recorded = run["parameters_reference_float32_error"];
        string[] taken = [.. Enumerable.Range(1, steps.Count).Select(step => step.ToString(CultureInfo.InvariantCulture))];
        if (recorded.Members.Select(m => m.Name).Except(taken).FirstOrDefault() is { } beyond)
            throw run["steps"].Error($"has {steps.Count} steps", $"the step {beyond} too, whose parameters are recorded");
        TrainingRunSettings settings = TrainingRunSettings.Read(run["settings"], steps.Count);
        files.LoadInto(model);
        model.Backend.Fill(model.Parameters.AllGradients, 0);
        using IOptimizer optimizer = OptimizerBuilder.Create(settings.Optimizer, model.Parameters, model.Backend);
        using var trainer = new Trainer(model, optimizer, settings.Schedule,
            new TrainerSettings { Alpha = settings.Alpha, Clip = settings.Clip, Dropout = 0 });
        Worst losses = new(), taskLosses = new(), norms = new(), rates = new();
        for (int i = 0; i < steps.Count; i++)
        {
            report.Cancel.ThrowIfCancellationRequested();
            StepReport got = trainer.Step([batches[i % batches.Length]]);
            CompareStep(got, steps[i], losses, taskLosses, norms, rates);
            CompareParameters(folder, name, recorded, i + 1, model, report);
        }
        report.Add($"{Prefix}{name}: losses", losses);
        report.Add($"{Prefix}{name}: losses of the tasks", taskLosses);
        report.Add($"{Prefix}{name}: gradient norms", norms);
        report.Add($"{Prefix}{name}: learning rates", rates);
    }

    static void CompareStep(StepReport got, GoldenJson truth, Worst losses, Worst taskLosses, Worst norms, Worst rates)
    {
        string step = $"step {got.Step}";
        losses.SeeRelative(step, got.Loss, truth["loss"].Number, Tolerances.TrainingLoss);
        taskLosses.SeeRelative($"{step}, label loss", got.LabelLoss, truth["label_loss"].Number, Tolerances.TrainingLoss);
        taskLosses.SeeRelative($"{step}, rationale loss", got.RationaleLoss, truth["rationale_loss"].Number, Tolerances.TrainingLoss);
        norms.SeeRelative(step, got.GradientNorm, truth["gradient_norm"].Number, Tolerances.GradientNorm);
        double? rate = truth.FindValue("learning_rate")?.Number;
        // Where the optimizer sets its own rate, neither side names one.
        if (rate is { } expected && got.LearningRate is { } used) rates.SeeRelative(step, used, expected, Tolerances.LearningRate);
        else rates.See($"{step}, whose rate it is", rate is null && got.LearningRate is null ? 0 : 1, 0);
    }

    static void CompareParameters(string folder, string name, GoldenJson errors, int step, T5Model model, CaseReport report)
    {
        if (errors.FindValue(step.ToString(CultureInfo.InvariantCulture)) is not { } recorded) return;
        string check = $"{Prefix}{name}: parameters after step {step}";
        string path = Path.Combine(folder, $"training_{name}_step{step:D2}.safetensors");
        if (!report.Has(check, path)) return;
        using var truth = GoldenTensors.Open(path);
        double allowed = Tolerances.Parameters(recorded.Number);
        var worst = new Worst();
        foreach (var (spec, got) in ParameterReading.Values(model))
        {
            float[] expected = ParameterReading.Expected(truth, spec);
            worst.See(spec.Name, Compare.Share(Compare.NormOfDifference(got, expected), Compare.Norm(expected)), allowed);
        }
        report.Add(check, worst);
    }
}
