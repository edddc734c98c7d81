using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Verification;

/// <summary>The gradient of the mean loss by every parameter.</summary>
static class GradientChecks
{
    public static void Run(string folder, T5Model model, Batch batch, PaddedBatch rows, GoldenJson record, CaseReport report)
    {
        using var truth = GoldenTensors.Open(Path.Combine(folder, "gradients.safetensors"));
        double allowed = Tolerances.Gradients(record["reference_float32_error"]["gradient_worst"].Number);
        double globalNorm = record["gradient_norm"].Number;
        float[] weights = new float[batch.TargetTokenCount];
        for (int t = 0; t < weights.Length; t++) weights[t] = batch.Labels[t] == Batch.IgnoredLabel ? 0 : 1f / rows.CountedTokens;
        model.Forward(batch, DropoutSettings.Off);
        model.Backend.Fill(model.Parameters.AllGradients, 0);
        model.Backward(weights);

        var worst = new Worst();
        double squares = 0;
        foreach (var (spec, got) in ParameterReading.Gradients(model))
        {
            float[] expected = ParameterReading.Expected(truth, spec);
            squares += Math.Pow(Compare.Norm(got), 2);
            double norm = Compare.Norm(expected), error = Compare.NormOfDifference(got, expected);
            // A gradient that vanishes leaves no norm to measure by.
            if (norm == 0) worst.See($"{spec.Name}, zero", error / globalNorm, Tolerances.ZeroGradient);
            else worst.See(spec.Name, error / norm, allowed);
        }
        report.Add("gradients", worst);

        var total = new Worst();
        total.SeeRelative("global norm", Math.Sqrt(squares), globalNorm, allowed);
        report.Add("gradient norm", total);
    }
}
