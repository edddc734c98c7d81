using DistillEngine.Core;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>The steps of a published run: losses of every micro-batch, norms, learning rates, and weights and moments where they were
/// recorded.</summary>
static class PublishedTraining
{
    /// <summary>After these steps and the last one weights and statistics are recorded; after others they may be.</summary>
    static readonly int[] RecordedSteps = [1, 2, 10, 20];

    /// <param name="model">Holds the student; holds the trained weights afterwards.</param>
    public static void Run(PublishedRun run, T5Model model, PaddedBatch[][][] steps, CaseReport report)
    {
        Dictionary<string, float[]> start = ParameterReading.Values(model)
            .ToDictionary(p => p.Spec.Name, p => p.Value, StringComparer.Ordinal);
        model.Backend.Fill(model.Parameters.AllGradients, 0);
        using IOptimizer optimizer = OptimizerBuilder.Create(run.Optimizer(), model.Parameters, model.Backend);
        using var trainer = new Trainer(model, optimizer, run.Schedule(), run.Trainer());
        Worst losses = new(), norms = new(), rates = new();
        for (int i = 0; i < steps.Length; i++)
        {
            report.Cancel.ThrowIfCancellationRequested();
            Batch[] batches = [.. steps[i].Select(parts => Pack(parts, model))];
            CompareLosses(i + 1, run, model, batches, losses);
            StepReport got = trainer.Step(batches);
            CompareStep(got, run, losses, norms, rates);
            CompareParameters(i + 1, run, model, start, report);
            CompareStatistics(i + 1, run, model, optimizer, report);
        }
        report.Add("losses", losses);
        report.Add("gradient norms", norms);
        report.Add("learning rates", rates);
    }

    static Batch Pack(PaddedBatch[] parts, T5Model model)
    {
        var batch = new Batch(model.Limits);
        PublishedGradients.Pack(parts, model, batch);
        return batch;
    }

    /// <summary>The trainer tells the means over a step; where it has several micro-batches, their own losses are computed beside
    /// it.</summary>
    static void CompareLosses(int step, PublishedRun run, T5Model model, Batch[] batches, Worst losses)
    {
        if (batches.Length == 1) return;
        IReadOnlyList<GoldenJson> recorded = run.Steps[step - 1]["micro_batches"].Items;
        for (int micro = 0; micro < batches.Length; micro++)
        {
            model.Forward(batches[micro], DropoutSettings.Off);
            var (label, rationale) = model.MeanLosses(batches[micro]);
            losses.SeeRelative($"step {step}, micro-batch {micro}, label loss", label, recorded[micro]["label_loss"].Number,
                Tolerances.PublishedLoss);
            if (recorded[micro].FindValue("rationale_loss") is { } expected)
                losses.SeeRelative($"step {step}, micro-batch {micro}, rationale loss", rationale, expected.Number,
                    Tolerances.PublishedLoss);
        }
    }

    static void CompareStep(in StepReport got, PublishedRun run, Worst losses, Worst norms, Worst rates)
    {
        GoldenJson truth = run.Steps[(int)got.Step - 1];
        IReadOnlyList<GoldenJson> recorded = truth["micro_batches"].Items;
        string step = $"step {got.Step}";
        losses.SeeRelative($"{step}, label loss", got.LabelLoss, recorded.Average(m => m["label_loss"].Number), Tolerances.PublishedLoss);
        losses.SeeRelative($"{step}, loss", got.Loss, recorded.Average(m => m["mixed_loss"].Number), Tolerances.PublishedLoss);
        if (recorded[0].FindValue("rationale_loss") is not null)
            losses.SeeRelative($"{step}, rationale loss", got.RationaleLoss, recorded.Average(m => m["rationale_loss"].Number),
                Tolerances.PublishedLoss);
        double exact = Math.Sqrt(truth["parameter_grad_norms"].Members.Sum(m => m.Value.Number * m.Value.Number));
        norms.SeeRelative($"{step}, as recorded", got.GradientNorm, truth["grad_norm"].Number, Tolerances.PublishedNorm);
        norms.SeeRelative($"{step}, of the parameters' norms", got.GradientNorm, exact, Tolerances.PublishedExactNorm);
        rates.SeeRelative(step, got.LearningRate ?? double.NaN, truth["learning_rate"].Number, Tolerances.LearningRate);
    }

    static void CompareParameters(int step, PublishedRun run, T5Model model, Dictionary<string, float[]> start, CaseReport report)
    {
        string check = $"parameters after step {step}", path = run.PathOf($"parameters-step-{step:D4}.safetensors");
        if (!IsRecorded(step, run, check, path, report)) return;
        using var file = GoldenTensors.Open(path);
        var worst = new Worst();
        foreach (var (spec, got) in ParameterReading.Values(model))
        {
            RecordedTensor recorded = RecordedTensor.Read(file, spec);
            float[] before = recorded.Select(start[spec.Name]);
            double error = Compare.NormOfDifference(recorded.Select(got), recorded.Values);
            worst.See($"{spec.Name}, of its norm", Compare.Share(error, Compare.Norm(recorded.Values)), Tolerances.PublishedParameters);
            double change = Compare.NormOfDifference(recorded.Values, before);
            // What a rate of 0 did not move is held to its norm alone.
            if (change > 0) worst.See($"{spec.Name}, of its change", error / change, Tolerances.PublishedChange);
            if (spec.Name == "shared.weight")
                worst.See("shared.weight, other rows", recorded.FirstChangedRow(got, start[spec.Name]) < 0 ? 0 : 1, 0);
        }
        report.Add(check, worst);
    }

    static void CompareStatistics(int step, PublishedRun run, T5Model model, IOptimizer optimizer, CaseReport report)
    {
        string check = $"statistics after step {step}", path = run.PathOf($"statistics-step-{step:D4}.json");
        if (!IsRecorded(step, run, check, path, report)) return;
        GoldenJson recorded = GoldenJson.Load(path);
        var worst = new Worst();
        foreach (var (spec, got) in ParameterReading.Values(model))
            PublishedStatistics.See(worst, spec.Name, got, recorded["parameters"][spec.Name], Tolerances.PublishedParameters,
                Tolerances.PublishedSample);
        foreach (var (name, tensor) in optimizer.State)
        {
            int dot = name.LastIndexOf('.');
            string kind = name[(dot + 1)..];
            double allowed = kind == "exp_avg" ? Tolerances.PublishedFirstMoment : Tolerances.PublishedSecondMoment;
            PublishedStatistics.See(worst, name, model.Backend.Floats(tensor), recorded[kind][name[..dot]], allowed, allowed);
        }
        report.Add(check, worst);
    }

    static bool IsRecorded(int step, PublishedRun run, string check, string path, CaseReport report) =>
        step == run.Steps.Count || RecordedSteps.Contains(step) ? report.Has(check, path) : File.Exists(path);
}
