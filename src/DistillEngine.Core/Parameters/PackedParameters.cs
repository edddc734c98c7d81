using System.Runtime.InteropServices;

namespace DistillEngine.Core;

/// <summary>The parameters that a model opened for inference holds in a low form: packed maps and bfloat16 rows, each in one buffer.</summary>
sealed class PackedParameters : IDisposable
{
    const long Alignment = HostBuffer.Alignment;

    readonly IDevice _device;
    readonly DeviceBuffer _buffer;
    readonly Tensor[] _rows;
    readonly PackedWeight?[] _packed;

    public PackedParameters(IReadOnlyList<ParameterSpec> specs, WeightForm form, IDevice device)
    {
        _device = device;
        _buffer = device.Allocate(ByteLengthOf(specs, form), "packed parameters");
        (_rows, _packed) = (new Tensor[specs.Count], new PackedWeight?[specs.Count]);
        long offset = 0;
        for (int i = 0; i < specs.Count; i++)
        {
            ParameterSpec spec = specs[i];
            if (WeightForms.KeepsRows(spec.Use, form)) _rows[i] = Take(spec.Name, spec.Shape, DType.BF16, ref offset);
            if (PackedForm(spec, form) is { } packedForm) _packed[i] = Take(spec, packedForm, ref offset);
        }
    }

    /// <summary>bfloat16 rows of a parameter; absent where it keeps none.</summary>
    public Tensor Rows(ParameterId id) => _rows[id.Index];

    public PackedWeight? Packed(ParameterId id) => _packed[id.Index];

    public static long ByteLengthOf(IReadOnlyList<ParameterSpec> specs, WeightForm form)
    {
        long bytes = 0;
        foreach (ParameterSpec spec in specs)
        {
            if (WeightForms.KeepsRows(spec.Use, form)) bytes += Aligned(spec.Shape.Count, DType.BF16);
            if (WeightForms.KeepsRemainders(spec.Use, form)) bytes += Aligned(spec.Shape.Count, DType.I8);
            if (PackedForm(spec, form) is not { } packed) continue;
            long groups = PackedWeight.GroupsOf(spec.Shape.D0);
            bytes += Aligned(groups * PackedWeight.GroupBytes(packed, spec.Shape.D1), DType.U8);
            bytes += Aligned(groups * PackedWeight.GroupScales(packed, spec.Shape.D1), PackedWeight.ScaleType(packed));
        }
        return bytes;
    }

    /// <summary>Converts a parameter while it is read, group by group of outputs.</summary>
    public void Write(ParameterId id, ParameterReader read)
    {
        if (!_rows[id.Index].IsAbsent) WriteRows(_rows[id.Index], read);
        if (_packed[id.Index] is { } packed) WritePacked(packed, read);
    }

    public void Dispose() => _buffer.Dispose();

    void WriteRows(Tensor rows, ParameterReader read)
    {
        int width = checked((int)rows.Shape.RowCount);
        float[] values = new float[width];
        ushort[] row = new ushort[width];
        for (int i = 0; i < rows.Shape.D0; i++)
        {
            read((long)i * width, values);
            for (int k = 0; k < width; k++) row[k] = WeightPacker.ToBF16(values[k]);
            _device.Upload<ushort>(row, rows.Rows(i, 1));
        }
    }

    void WritePacked(PackedWeight packed, ParameterReader read)
    {
        var packer = new WeightPacker(packed.Form, packed.Inputs);
        float[] values = new float[PackedWeight.GroupOutputs * packed.Inputs];
        byte[] data = new byte[packed.Data.Shape.D1];
        byte[] scales = new byte[PackedWeight.GroupScales(packed.Form, packed.Inputs) * PackedWeight.ScaleType(packed.Form).SizeInBytes()];
        sbyte[] remainders = new sbyte[packed.Remainders.IsAbsent ? 0 : values.Length];
        for (int group = 0; group < packed.Groups; group++)
        {
            int first = group * PackedWeight.GroupOutputs, count = Math.Min(PackedWeight.GroupOutputs, packed.Outputs - first);
            Span<float> rows = values.AsSpan(0, count * packed.Inputs);
            read((long)first * packed.Inputs, rows);
            packer.PackGroup(rows, data, scales, remainders);
            _device.Upload<byte>(data, packed.Data.Rows(group, 1));
            if (!packed.Remainders.IsAbsent) _device.Upload<sbyte>(remainders.AsSpan(0, rows.Length), packed.Remainders.Rows(first, count));
            if (packed.Form == WeightForm.Int8) _device.Upload<float>(MemoryMarshal.Cast<byte, float>(scales), packed.Scales.Rows(group, 1));
            else if (packed.Form == WeightForm.Int4) _device.Upload<ushort>(MemoryMarshal.Cast<byte, ushort>(scales), packed.Scales.Rows(group, 1));
        }
    }

    PackedWeight Take(ParameterSpec spec, WeightForm form, ref long offset)
    {
        var (outputs, inputs) = (spec.Shape.D0, spec.Shape.D1);
        int groups = PackedWeight.GroupsOf(outputs), scales = PackedWeight.GroupScales(form, inputs);
        Tensor data = Take(spec.Name, new(groups, PackedWeight.GroupBytes(form, inputs)), DType.U8, ref offset);
        return new(form, outputs, inputs, data, scales == 0 ? default : Take(spec.Name, new(groups, scales), PackedWeight.ScaleType(form), ref offset),
            WeightForms.KeepsRemainders(spec.Use, form) ? Take(spec.Name, spec.Shape, DType.I8, ref offset) : default);
    }

    Tensor Take(string name, Shape shape, DType type, ref long offset)
    {
        var taken = new Tensor(_buffer, offset / type.SizeInBytes(), shape, type, name);
        offset += Aligned(shape.Count, type);
        return taken;
    }

    /// <summary>The form in which products read a parameter where that is a packed one.</summary>
    static WeightForm? PackedForm(ParameterSpec spec, WeightForm form) =>
        WeightForms.OfProducts(spec.Use, form) is { } packed && packed != WeightForm.F32 ? packed : null;

    static long Aligned(long elements, DType type) => (elements * type.SizeInBytes() + Alignment - 1) / Alignment * Alignment;
}
