using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Training;

/// <summary>Adafactor over a whole store: one call a parameter; all state in one buffer, one scratch of the largest parameter's size.</summary>
public sealed class AdafactorOptimizer : IOptimizer
{
    // Each state tensor starts on a cache line.
    const int AlignmentElements = HostBuffer.Alignment / sizeof(float);

    readonly AdafactorStep _numbers;
    readonly Adafactor _kernel;
    readonly DeviceBuffer _state, _scratch;
    readonly Entry[] _entries;
    long _stepCount;

    /// <param name="numbers">Dialect and its numbers; step, rate and clip are set by each <see cref="Apply"/>.</param>
    /// <param name="decayNorms">Whether norms and relative-bias tables decay too.</param>
    /// <param name="parameters">Must outlive the optimizer.</param>
    /// <exception cref="InvalidOperationException">The store holds no gradients.</exception>
    /// <exception cref="InsufficientMemoryException">The device lacks memory for the state.</exception>
    public AdafactorOptimizer(string name, in AdafactorStep numbers, bool decayNorms, ParameterStore parameters, KernelSet kernels,
        IDevice device)
    {
        (Name, _numbers, _kernel) = (name, numbers, kernels.Adafactor);
        Tensor gradients = parameters.AllGradients;
        var (length, largest) = Lengths(numbers, parameters.Specs);
        StateBytes = (length + largest) * sizeof(float);
        try
        {
            _state = device.Allocate(length * sizeof(float), "state of Adafactor");
            _scratch = device.Allocate(largest * sizeof(float), "scratch of Adafactor");
        }
        catch
        {
            Dispose();
            throw;
        }
        device.Fill(new Tensor(_state, 0, new(checked((int)(length / AlignmentElements)), AlignmentElements), gradients.DType, "state"), 0);
        _entries = new Entry[parameters.Specs.Count];
        long cursor = 0;
        for (int i = 0; i < _entries.Length; i++)
        {
            var (id, spec) = (new ParameterId(i), parameters.Specs[i]);
            bool factored = Adafactor.IsFactored(_numbers.Dialect, spec.Shape, spec.IsVector);
            Tensor rows = factored ? Take(new(spec.Shape.D0), $"{spec.Name}.exp_avg_sq_row") : default;
            Tensor columns = factored ? Take(new(spec.Shape.D1), $"{spec.Name}.exp_avg_sq_col") : default;
            Tensor squares = factored ? default : Take(spec.Shape, $"{spec.Name}.exp_avg_sq");
            Tensor moment = _numbers.Beta1 > 0 ? Take(spec.Shape, $"{spec.Name}.exp_avg") : default;
            var scratch = new Tensor(_scratch, 0, spec.Shape, DType.F32, "scratch of Adafactor");
            _entries[i] = new(parameters.Gradient(id), parameters.Value(id), new(rows, columns, squares, moment), scratch,
                decayNorms || Optimizers.DecaysWithoutNorms(spec));
        }

        Tensor Take(Shape shape, string tensorName)
        {
            var tensor = new Tensor(_state, cursor, shape, DType.F32, tensorName);
            cursor += Aligned(shape.Count);
            return tensor;
        }
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

    public bool UsesSchedule => !_numbers.RelativeStep;

    public long StateBytes { get; }

    public IEnumerable<(string Name, Tensor Tensor)> State
    {
        get
        {
            foreach (Entry entry in _entries)
            {
                var (rows, columns, squares, moment) = entry.State;
                if (!rows.IsAbsent) yield return (rows.Name, rows);
                if (!columns.IsAbsent) yield return (columns.Name, columns);
                if (!squares.IsAbsent) yield return (squares.Name, squares);
                if (!moment.IsAbsent) yield return (moment.Name, moment);
            }
        }
    }

    public void Apply(Tensor gradientNorm, double learningRate, float clip)
    {
        _stepCount++;
        AdafactorStep step = _numbers with { Step = _stepCount, LearningRate = learningRate, Clip = clip };
        AdafactorStep withoutDecay = step with { WeightDecay = 0 };
        foreach (ref readonly Entry entry in _entries.AsSpan())
            _kernel.Update(entry.Gradient, gradientNorm, entry.Decays ? step : withoutDecay, entry.Value, entry.State, entry.Scratch);
    }

    public void Dispose()
    {
        _state?.Dispose();
        _scratch?.Dispose();
    }

    /// <summary>What <see cref="StateBytes"/> will be for these parameters.</summary>
    internal static long Measure(in AdafactorStep numbers, IReadOnlyList<ParameterSpec> specs)
    {
        var (length, largest) = Lengths(numbers, specs);
        return (length + largest) * sizeof(float);
    }

    /// <summary>Elements of the state, and of the scratch.</summary>
    static (long State, long Scratch) Lengths(in AdafactorStep numbers, IReadOnlyList<ParameterSpec> specs)
    {
        long length = 0, largest = 0;
        foreach (ParameterSpec spec in specs)
        {
            length += Adafactor.IsFactored(numbers.Dialect, spec.Shape, spec.IsVector)
                ? Aligned(spec.Shape.D0) + Aligned(spec.Shape.D1)
                : Aligned(spec.Shape.Count);
            if (numbers.Beta1 > 0) length += Aligned(spec.Shape.Count);
            largest = Math.Max(largest, spec.Shape.Count);
        }
        return (length, largest);
    }

    static long Aligned(long elements) => (elements + AlignmentElements - 1) / AlignmentElements * AlignmentElements;

    readonly record struct Entry(Tensor Gradient, Tensor Value, AdafactorState State, Tensor Scratch, bool Decays);
}
