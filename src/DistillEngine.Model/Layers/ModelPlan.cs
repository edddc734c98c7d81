using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>What the parts of a model declare while it is built: parameters, activations, dropout sites.</summary>
/// <param name="training">Whether a backward follows.</param>
/// <param name="recompute">Whether it computes the activations within sub-layers again, instead of finding them kept.</param>
sealed class ModelPlan(T5Config config, BatchLimits limits, bool training, bool recompute = false)
{
    int _sites;

    public T5Config Config { get; } = config;
    public BatchLimits Limits { get; } = limits;
    public bool Training { get; } = training;
    public bool Recompute { get; } = recompute;
    public ParameterList Parameters { get; } = new();
    public ArenaPlan Arena { get; } = new(training && !recompute);

    /// <summary>A number that no other place of dropout has.</summary>
    public int NewDropoutSite() => _sites++;

    /// <summary>Declares a linear map without bias.</summary>
    /// <param name="deviation">Initial standard deviation before the configuration's factor.</param>
    /// <param name="use">How the model reads it.</param>
    public ParameterId Linear(string name, int outputs, int inputs, double deviation, ParameterUse use = ParameterUse.Linear) =>
        Parameters.Normal($"{name}.weight", new(outputs, inputs), deviation * Config.InitializerFactor, use);
}
