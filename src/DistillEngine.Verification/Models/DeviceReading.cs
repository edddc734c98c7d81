using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Verification;

/// <summary>The engine's values on the host.</summary>
static class DeviceReading
{
    public static float[] Floats(this IDevice device, Tensor tensor)
    {
        float[] values = new float[tensor.Count];
        device.Download<float>(tensor, values);
        return values;
    }

    /// <summary>float32 [states' rows, vocabulary]: the head's output, scaled as the configuration says.</summary>
    public static float[] Logits(this T5Model model, Tensor states)
    {
        IBackend backend = model.Backend;
        Shape shape = new(states.Shape.D0, model.Config.VocabularySize);
        using DeviceBuffer buffer = backend.Allocate(sizeof(float) * shape.Count, "logits");
        var logits = new Tensor(buffer, 0, shape, DType.F32, "logits");
        model.UnscaledLogits(states, logits);
        float[] values = backend.Floats(logits);
        float scale = model.Config.LogitScale;
        foreach (ref float value in values.AsSpan()) value *= scale;
        return values;
    }

    /// <summary>Mean nats over the counted tokens of each task in the last forward pass; NaN where a task has none.</summary>
    public static (double Label, double Rationale) MeanLosses(this T5Model model, Batch batch)
    {
        float[] nats = model.Backend.Floats(model.TokenNats);
        Span<double> sums = stackalloc double[2], counts = stackalloc double[2];
        for (int s = 0; s < batch.SequenceCount; s++)
        {
            for (int t = batch.TargetStarts[s]; t < batch.TargetStarts[s + 1]; t++)
            {
                if (batch.Labels[t] == Batch.IgnoredLabel) continue;
                sums[(int)batch.Tasks[s]] += nats[t];
                counts[(int)batch.Tasks[s]]++;
            }
        }
        return (sums[0] / counts[0], sums[1] / counts[1]);
    }
}
