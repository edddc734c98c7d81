using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Verification;

/// <summary>Parameters and gradients on the host, beside what a file records of them.</summary>
static class ParameterReading
{
    public static IEnumerable<(ParameterSpec Spec, float[] Value)> Values(T5Model model)
    {
        for (int i = 0; i < model.Parameters.Specs.Count; i++)
            yield return (model.Parameters.Specs[i], model.Backend.Floats(model.Parameters.Value(new ParameterId(i))));
    }

    public static IEnumerable<(ParameterSpec Spec, float[] Gradient)> Gradients(T5Model model)
    {
        for (int i = 0; i < model.Parameters.Specs.Count; i++)
            yield return (model.Parameters.Specs[i], model.Backend.Floats(model.Parameters.Gradient(new ParameterId(i))));
    }

    /// <exception cref="InvalidDataException">The file lacks the tensor or holds it in another shape.</exception>
    public static float[] Expected(GoldenTensors file, ParameterSpec spec)
    {
        ReadOnlySpan<long> shape = spec.IsVector ? [spec.Shape.D0] : [spec.Shape.D0, spec.Shape.D1];
        file.CheckShape(spec.Name, shape);
        return file.Floats(spec.Name);
    }
}
