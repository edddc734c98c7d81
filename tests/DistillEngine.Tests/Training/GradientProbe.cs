using DistillEngine.Core;
using DistillEngine.Training;

namespace DistillEngine.Tests.Training;

/// <summary>An optimizer that keeps the gradients it is given, and changes nothing.</summary>
sealed class GradientProbe(ParameterStore parameters) : IOptimizer
{
    /// <summary>All gradients of the last step.</summary>
    public float[] Gradients { get; private set; } = [];

    public double LearningRate { get; private set; }

    public string Name => "probe";

    public long StepCount { get; set; }

    public bool UsesSchedule => true;

    public long StateBytes => 0;

    public IEnumerable<(string Name, Tensor Tensor)> State => [];

    public void Apply(Tensor gradientNorm, double learningRate, float clip)
    {
        StepCount++;
        (Gradients, LearningRate) = (parameters.AllGradients.HostSpan<float>().ToArray(), learningRate);
    }

    public void Dispose()
    {
    }
}
