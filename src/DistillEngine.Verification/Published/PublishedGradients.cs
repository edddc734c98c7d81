using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Verification;

/// <summary>Gradients of the first step, before clipping, and their statistics.</summary>
static class PublishedGradients
{
    public static void Run(PublishedRun run, T5Model model, PaddedBatch[][] microBatches, CaseReport report)
    {
        Accumulate(run, model, microBatches);
        using var file = GoldenTensors.Open(run.PathOf(run.Record["gradients_of_step_1"].Text));
        GoldenJson statistics = run.Record["gradient_statistics_step_1"], norms = run.Steps[0]["parameter_grad_norms"];
        Worst elements = new(), numbers = new();
        foreach (var (spec, got) in ParameterReading.Gradients(model))
        {
            RecordedTensor recorded = RecordedTensor.Read(file, spec);
            double error = Compare.LargestDifference(recorded.Select(got), recorded.Values, out _);
            elements.See(spec.Name, Compare.Share(error, Compare.Largest(recorded.Values)), Tolerances.PublishedGradient);
            // Only rows without a gradient are left out of the embedding; the head's are a choice.
            if (spec.Name == "shared.weight")
                elements.See("shared.weight, other rows", recorded.FirstChangedRow(got, new float[got.Length]) < 0 ? 0 : 1, 0);
            numbers.SeeRelative($"{spec.Name}, norm", Compare.Norm(got), norms[spec.Name].Number, Tolerances.PublishedExactNorm);
            PublishedStatistics.See(numbers, spec.Name, got, statistics[spec.Name], Tolerances.PublishedExactNorm,
                Tolerances.PublishedGradient);
        }
        report.Add("gradients of step 1", elements);
        report.Add("gradient statistics of step 1", numbers);
    }

    /// <summary>Adds up what each micro-batch contributes: its tasks' means, weighed by alpha, divided by the number of
    /// micro-batches.</summary>
    static void Accumulate(PublishedRun run, T5Model model, PaddedBatch[][] microBatches)
    {
        model.Backend.Fill(model.Parameters.AllGradients, 0);
        var batch = new Batch(model.Limits);
        foreach (PaddedBatch[] parts in microBatches)
        {
            Pack(parts, model, batch);
            float[] weights = new float[batch.TargetTokenCount];
            for (int s = 0; s < batch.SequenceCount; s++)
            {
                bool isLabel = batch.Tasks[s] == TaskKind.Label;
                double coefficient = parts.Length == 1 ? 1 : isLabel ? run.Alpha : 1 - run.Alpha;
                int counted = parts[isLabel ? 0 : 1].CountedTokens;
                weights.AsSpan(batch.TargetStarts[s]..batch.TargetStarts[s + 1]).Fill((float)(coefficient / counted / microBatches.Length));
            }
            model.Forward(batch, DropoutSettings.Off);
            model.Backward(weights);
        }
    }

    /// <summary>Predict and explain rows in one batch.</summary>
    public static void Pack(PaddedBatch[] parts, T5Model model, Batch batch)
    {
        batch.Clear();
        parts[0].AddTo(batch, TaskKind.Label, model.Config.DecoderStartId);
        if (parts.Length > 1) parts[1].AddTo(batch, TaskKind.Rationale, model.Config.DecoderStartId);
    }
}
