namespace DistillEngine.Core;

/// <summary>Collects the parameters that a model's parts declare, in checkpoint order.</summary>
public sealed class ParameterList
{
    readonly List<ParameterSpec> _specs = [];
    readonly HashSet<string> _names = [];

    public IReadOnlyList<ParameterSpec> Specs => _specs;

    /// <summary>Declares a parameter drawn from N(0, standardDeviation²).</summary>
    public ParameterId Normal(string name, Shape shape, double standardDeviation, ParameterUse use = ParameterUse.Direct) =>
        Add(new ParameterSpec(name, shape, Initializer.Normal, (float)standardDeviation, use));

    /// <summary>Declares a parameter that starts at one.</summary>
    public ParameterId Ones(string name, Shape shape) => Add(new ParameterSpec(name, shape, Initializer.Ones, 0));

    ParameterId Add(ParameterSpec spec)
    {
        if (!_names.Add(spec.Name)) throw new ArgumentException($"Parameter '{spec.Name}' is declared twice.");
        _specs.Add(spec);
        return new ParameterId(_specs.Count - 1);
    }
}
