namespace DistillEngine.Core;

/// <summary>All parameters in one flat float32 buffer and, for training, all gradients in another of the same layout.</summary>
public sealed class ParameterStore : IDisposable
{
    // Each parameter starts on a cache line; the gaps hold zeros and take part in flat passes without effect.
    const int AlignmentElements = HostBuffer.Alignment / sizeof(float);

    readonly DeviceBuffer _values;
    readonly DeviceBuffer? _gradients;
    readonly long[] _offsets;
    readonly Weight?[] _weights;

    /// <param name="training">Whether gradients are kept.</param>
    public ParameterStore(IReadOnlyList<ParameterSpec> specs, IDevice device, bool training)
    {
        Specs = specs;
        _offsets = new long[specs.Count];
        for (int i = 1; i < specs.Count; i++) _offsets[i] = _offsets[i - 1] + Aligned(specs[i - 1]);
        FlatLength = FlatLengthOf(specs);
        _values = device.Allocate(FlatLength * sizeof(float), "parameters");
        _gradients = training ? device.Allocate(FlatLength * sizeof(float), "gradients") : null;
        _weights = new Weight?[specs.Count];
        for (int i = 0; i < specs.Count; i++)
            if (!specs[i].IsVector) _weights[i] = new Weight(Value(new ParameterId(i)));
        device.Fill(AllValues, 0);
        if (training) device.Fill(AllGradients, 0);
    }

    public IReadOnlyList<ParameterSpec> Specs { get; }

    /// <summary>Elements of the flat buffers, alignment gaps included.</summary>
    public long FlatLength { get; }

    /// <summary>Elements of all parameters.</summary>
    public long ParameterCount => Specs.Sum(s => s.Shape.Count);

    public Tensor Value(ParameterId id) => new(_values, _offsets[id.Index], Specs[id.Index].Shape, DType.F32, Specs[id.Index].Name);

    /// <exception cref="InvalidOperationException">The store was built without gradients.</exception>
    public Tensor Gradient(ParameterId id) => new(Gradients, _offsets[id.Index], Specs[id.Index].Shape, DType.F32, Specs[id.Index].Name);

    /// <summary>The parameter as the right operand of products.</summary>
    /// <exception cref="InvalidOperationException">The parameter is no matrix.</exception>
    public Weight Weight(ParameterId id) =>
        _weights[id.Index] ?? throw new InvalidOperationException($"'{Specs[id.Index].Name}' is no matrix.");

    /// <summary>Every value, gaps included, as float32 [length / 16, 16]: for passes that treat all parameters alike.</summary>
    public Tensor AllValues => Flat(_values, "parameters");

    /// <summary>Every gradient, in the layout of <see cref="AllValues"/>.</summary>
    public Tensor AllGradients => Flat(Gradients, "gradients");

    /// <summary>Offset of a parameter in the flat layout, in elements.</summary>
    public long FlatOffset(ParameterId id) => _offsets[id.Index];

    /// <summary>A buffer in the flat layout, for optimizer state.</summary>
    public Tensor View(DeviceBuffer flat, ParameterId id) => new(flat, _offsets[id.Index], Specs[id.Index].Shape, DType.F32, Specs[id.Index].Name);

    /// <summary>A tensor over a whole buffer in the flat layout.</summary>
    public Tensor Flat(DeviceBuffer flat, string name) => new(flat, 0, FlatShape, DType.F32, name);

    /// <summary>Elements of the flat layout of these parameters, alignment gaps included.</summary>
    public static long FlatLengthOf(IReadOnlyList<ParameterSpec> specs) => specs.Sum(Aligned);

    public ParameterId Find(string name)
    {
        for (int i = 0; i < Specs.Count; i++)
            if (Specs[i].Name == name) return new ParameterId(i);
        throw new ArgumentException($"There is no parameter '{name}'.", nameof(name));
    }

    public void Dispose()
    {
        _values.Dispose();
        _gradients?.Dispose();
    }

    static long Aligned(ParameterSpec spec) => (spec.Shape.Count + AlignmentElements - 1) / AlignmentElements * AlignmentElements;

    // A flat length may exceed the 31 bits of one dimension: it is held as [length / 16, 16].
    Shape FlatShape => new(checked((int)(FlatLength / AlignmentElements)), AlignmentElements);

    DeviceBuffer Gradients => _gradients ?? throw new InvalidOperationException("The parameters were loaded without gradients; open the model for training.");
}
