using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Training;

/// <summary>AdamW over a whole store: two moments in the store's flat layout, one call for each run of parameters with the same decay.</summary>
public sealed class AdamWOptimizer : IOptimizer
{
    readonly AdamWStep _numbers;
    readonly ParameterStore _parameters;
    readonly AdamW _kernel;
    readonly DeviceBuffer _first, _second;
    readonly Segment[] _segments;
    long _stepCount;

    /// <param name="numbers">Form, betas, epsilon and weight decay; step, rate and clip are set by each <see cref="Apply"/>.</param>
    /// <param name="decayNorms">Whether norms and relative-bias tables decay too.</param>
    /// <param name="parameters">Must outlive the optimizer.</param>
    /// <exception cref="InvalidOperationException">The store holds no gradients.</exception>
    /// <exception cref="InsufficientMemoryException">The device lacks memory for the moments.</exception>
    public AdamWOptimizer(string name, in AdamWStep numbers, bool decayNorms, ParameterStore parameters, KernelSet kernels, IDevice device)
    {
        (Name, _numbers, _parameters, _kernel) = (name, numbers, parameters, kernels.AdamW);
        Tensor gradients = parameters.AllGradients;
        long bytes = parameters.FlatLength * sizeof(float);
        try
        {
            _first = device.Allocate(bytes, "first moments of AdamW");
            _second = device.Allocate(bytes, "second moments of AdamW");
        }
        catch
        {
            Dispose();
            throw;
        }
        Tensor first = parameters.Flat(_first, "exp_avg"), second = parameters.Flat(_second, "exp_avg_sq");
        device.Fill(first, 0);
        device.Fill(second, 0);
        StateBytes = 2 * bytes;
        _segments = Segments(gradients, first, second, uniform: decayNorms || numbers.WeightDecay == 0);
    }

    public string Name { get; }

    public long StepCount
    {
        get => _stepCount;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _stepCount = value;
        }
    }

    public bool UsesSchedule => true;

    public long StateBytes { get; }

    public IEnumerable<(string Name, Tensor Tensor)> State
    {
        get
        {
            for (int i = 0; i < _parameters.Specs.Count; i++)
            {
                string name = _parameters.Specs[i].Name;
                yield return ($"{name}.exp_avg", _parameters.View(_first, new(i)));
                yield return ($"{name}.exp_avg_sq", _parameters.View(_second, new(i)));
            }
        }
    }

    public void Apply(Tensor gradientNorm, double learningRate, float clip)
    {
        _stepCount++;
        AdamWStep step = _numbers with { Step = _stepCount, LearningRate = learningRate, Clip = clip };
        foreach (ref readonly Segment segment in _segments.AsSpan())
        {
            AdamWStep own = segment.Decays ? step : step with { WeightDecay = 0 };
            _kernel.Update(segment.Gradients, gradientNorm, own, segment.Values, segment.First, segment.Second);
        }
    }

    public void Dispose()
    {
        _first?.Dispose();
        _second?.Dispose();
    }

    /// <summary>Runs of neighbours of one kind; every parameter starts on a row of the flat layout.</summary>
    Segment[] Segments(Tensor gradients, Tensor first, Tensor second, bool uniform)
    {
        Tensor values = _parameters.AllValues;
        if (uniform) return [new(gradients, values, first, second, Decays: true)];
        var segments = new List<Segment>();
        int count = _parameters.Specs.Count;
        int[] order = [.. Enumerable.Range(0, count).OrderBy(i => _parameters.FlatOffset(new(i)))];
        for (int start = 0, end; start < count; start = end)
        {
            bool decays = Optimizers.DecaysWithoutNorms(_parameters.Specs[order[start]]);
            end = start + 1;
            while (end < count && Optimizers.DecaysWithoutNorms(_parameters.Specs[order[end]]) == decays) end++;
            int row = RowOf(start), rows = RowOf(end) - row;
            segments.Add(new(gradients.Rows(row, rows), values.Rows(row, rows), first.Rows(row, rows), second.Rows(row, rows), decays));
        }
        return [.. segments];

        int RowOf(int place) =>
            place == count ? values.Shape.D0 : checked((int)(_parameters.FlatOffset(new(order[place])) / values.Shape.D1));
    }

    readonly record struct Segment(Tensor Gradients, Tensor Values, Tensor First, Tensor Second, bool Decays);
}
