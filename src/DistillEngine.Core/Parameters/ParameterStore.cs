namespace DistillEngine.Core;

/// <summary>All float32 parameters in one flat buffer and, for training, all gradients in another of the same layout. A model opened for
/// inference in a low <see cref="WeightForm"/> holds its matrices packed instead, and no float32 copy of them. First come the parameters whose
/// gradients are sums from zero on, then those of products, whose first contribution to a gradient overwrites it.</summary>
public sealed class ParameterStore : IDisposable
{
    // Each parameter starts on a cache line; the gaps hold zeros and take part in flat passes without effect.
    const int AlignmentElements = HostBuffer.Alignment / sizeof(float);

    // Elements written at a time.
    const int Chunk = 1 << 20;

    const long NotFlat = -1;

    readonly IDevice _device;
    readonly DeviceBuffer _values;
    readonly DeviceBuffer? _gradients;
    readonly PackedParameters? _low;
    readonly long[] _offsets;
    readonly Weight?[] _weights;

    // Whether a gradient's contents are of an earlier step.
    readonly bool[] _isStale;
    readonly long _summedLength;

    /// <param name="training">Whether gradients are kept.</param>
    /// <param name="form">How matrices are held; training needs float32.</param>
    /// <exception cref="ArgumentException">A low form is to be trained.</exception>
    /// <exception cref="InsufficientMemoryException">The device refuses the memory; none is kept.</exception>
    public ParameterStore(IReadOnlyList<ParameterSpec> specs, IDevice device, bool training, WeightForm form = WeightForm.F32)
    {
        if (training && form != WeightForm.F32)
            throw new ArgumentException($"Weights held as {form.Name()} cannot be trained; open the model with float32 weights.", nameof(form));
        (Specs, Form, _device) = (specs, form, device);
        _offsets = new long[specs.Count];
        _isStale = new bool[specs.Count];
        _summedLength = Place(isProduct: false, 0);
        FlatLength = Place(isProduct: true, _summedLength);
        try
        {
            _values = device.Allocate(FlatLength * sizeof(float), "parameters");
            _gradients = training ? device.Allocate(FlatLength * sizeof(float), "gradients") : null;
            _low = form == WeightForm.F32 ? null : new PackedParameters(specs, form, device);
        }
        catch
        {
            Dispose();
            throw;
        }
        _weights = new Weight?[specs.Count];
        for (int i = 0; i < specs.Count; i++)
            if (_low?.Packed(new ParameterId(i)) is { } packed) _weights[i] = new Weight(packed);
            else if (!specs[i].IsVector && _offsets[i] != NotFlat) _weights[i] = new Weight(Value(new ParameterId(i)));
        device.Fill(Flat(_values, "parameters"), 0);
        if (training) device.Fill(Flat(Gradients, "gradients"), 0);
    }

    public IReadOnlyList<ParameterSpec> Specs { get; }

    /// <summary>How matrices are held.</summary>
    public WeightForm Form { get; }

    /// <summary>Elements of the flat buffers, alignment gaps included.</summary>
    public long FlatLength { get; }

    /// <summary>Elements of all parameters.</summary>
    public long ParameterCount => Specs.Sum(s => s.Shape.Count);

    /// <summary>float32; or, of rows that are looked up in a model of a low form, bfloat16.</summary>
    /// <exception cref="InvalidOperationException">Only a packed form is held.</exception>
    public Tensor Value(ParameterId id)
    {
        if (_offsets[id.Index] != NotFlat) return View(_values, id);
        Tensor rows = _low!.Rows(id);
        return rows.IsAbsent ? _weights[id.Index]!.Value : rows;
    }

    /// <summary>What has been added up since the gradients were cleared.</summary>
    /// <exception cref="InvalidOperationException">The store was built without gradients.</exception>
    public Tensor Gradient(ParameterId id)
    {
        Tensor gradient = View(Gradients, id);
        if (!_isStale[id.Index]) return gradient;
        _isStale[id.Index] = false;
        _device.Fill(gradient, 0);
        return gradient;
    }

    /// <summary>The gradient for the one contribution that the caller makes now: the first since the gradients were cleared overwrites.</summary>
    /// <exception cref="InvalidOperationException">The store was built without gradients.</exception>
    public Gradient TakeGradient(ParameterId id)
    {
        Into into = _isStale[id.Index] ? Into.Overwrite : Into.Add;
        _isStale[id.Index] = false;
        return new(View(Gradients, id), into);
    }

    /// <summary>Makes every gradient zero. Those of products are only marked, since their first contribution overwrites them.</summary>
    /// <exception cref="InvalidOperationException">The store was built without gradients.</exception>
    public void ClearGradients()
    {
        Tensor summed = Flat(Gradients, "gradients").Rows(0, checked((int)(_summedLength / AlignmentElements)));
        using var _ = Trace.Op("gradients.clear", new Cost(0, sizeof(float) * summed.Count));
        _device.Fill(summed, 0);
        for (int i = 0; i < _isStale.Length; i++) _isStale[i] = IsProduct(Specs[i]);
    }

    /// <summary>The parameter as the right operand of products.</summary>
    /// <exception cref="InvalidOperationException">The parameter is no matrix.</exception>
    public Weight Weight(ParameterId id) =>
        _weights[id.Index] ?? throw new InvalidOperationException($"'{Specs[id.Index].Name}' is no right operand of products.");

    /// <summary>Sets a parameter, converting it to the form in which it is held while it is read.</summary>
    /// <param name="read">Called for consecutive ranges; more than once over where a parameter is held in two forms.</param>
    public void Write(ParameterId id, ParameterReader read)
    {
        _low?.Write(id, read);
        if (_offsets[id.Index] == NotFlat) return;
        Tensor value = Value(id);
        float[] host = new float[Math.Min(Chunk, value.Count)];
        for (long start = 0; start < value.Count; start += Chunk)
        {
            Span<float> part = host.AsSpan(0, (int)Math.Min(Chunk, value.Count - start));
            read(start, part);
            _device.Upload<float>(part, value with { ElementOffset = value.ElementOffset + start, Shape = new(part.Length) });
        }
    }

    /// <summary>Every value, gaps included, as float32 [length / 16, 16]: for passes that treat all parameters alike.</summary>
    /// <exception cref="InvalidOperationException">Matrices are held in a low form.</exception>
    public Tensor AllValues => _low is null ? Flat(_values, "parameters")
        : throw new InvalidOperationException($"The matrices are held as {Form.Name()}; open the model with float32 weights for this.");

    /// <summary>Every gradient, in the layout of <see cref="AllValues"/>. Those to which nothing was added since they were cleared are made zero
    /// here: their memory still holds an earlier step.</summary>
    public Tensor AllGradients
    {
        get
        {
            for (int i = 0; i < _isStale.Length; i++) Gradient(new ParameterId(i));
            return Flat(Gradients, "gradients");
        }
    }

    /// <summary>Offset of a parameter in the flat layout, in elements.</summary>
    public long FlatOffset(ParameterId id) => _offsets[id.Index];

    /// <summary>A buffer in the flat layout, for optimizer state.</summary>
    public Tensor View(DeviceBuffer flat, ParameterId id) => new(flat, _offsets[id.Index], Specs[id.Index].Shape, DType.F32, Specs[id.Index].Name);

    /// <summary>A tensor over a whole buffer in the flat layout.</summary>
    public Tensor Flat(DeviceBuffer flat, string name) => new(flat, 0, FlatShape, DType.F32, name);

    /// <summary>Elements of the flat layout of these parameters in float32, alignment gaps included.</summary>
    public static long FlatLengthOf(IReadOnlyList<ParameterSpec> specs) => specs.Sum(Aligned);

    /// <summary>Bytes that the values of these parameters take.</summary>
    public static long ByteLengthOf(IReadOnlyList<ParameterSpec> specs, WeightForm form) =>
        sizeof(float) * specs.Where(s => WeightForms.KeepsFloats(s.Use, form)).Sum(Aligned)
        + (form == WeightForm.F32 ? 0 : PackedParameters.ByteLengthOf(specs, form));

    public ParameterId Find(string name)
    {
        for (int i = 0; i < Specs.Count; i++)
            if (Specs[i].Name == name) return new ParameterId(i);
        throw new ArgumentException($"There is no parameter '{name}'.", nameof(name));
    }

    public void Dispose()
    {
        _values?.Dispose();
        _gradients?.Dispose();
        _low?.Dispose();
    }

    static bool IsProduct(ParameterSpec spec) => WeightForms.OfProducts(spec.Use, WeightForm.F32) is not null;

    /// <summary>Lays out the parameters of one kind.</summary>
    /// <returns>Where they end.</returns>
    long Place(bool isProduct, long start)
    {
        for (int i = 0; i < Specs.Count; i++)
        {
            if (IsProduct(Specs[i]) != isProduct) continue;
            bool isFlat = WeightForms.KeepsFloats(Specs[i].Use, Form);
            _offsets[i] = isFlat ? start : NotFlat;
            if (isFlat) start += Aligned(Specs[i]);
        }
        return start;
    }

    static long Aligned(ParameterSpec spec) => (spec.Shape.Count + AlignmentElements - 1) / AlignmentElements * AlignmentElements;

    // A flat length may exceed the 31 bits of one dimension: it is held as [length / 16, 16].
    Shape FlatShape => new(checked((int)(FlatLength / AlignmentElements)), AlignmentElements);

    DeviceBuffer Gradients => _gradients ?? throw new InvalidOperationException("The parameters were loaded without gradients; open the model for training.");
}
