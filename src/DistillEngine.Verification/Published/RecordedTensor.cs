using DistillEngine.Core;

namespace DistillEngine.Verification;

/// <summary>A recorded parameter or gradient: whole, or some of its rows.</summary>
sealed class RecordedTensor
{
    readonly int[]? _rows;
    readonly int _width;

    RecordedTensor(int[]? rows, float[] values, int width) => (_rows, Values, _width) = (rows, values, width);

    /// <summary>All elements that were recorded.</summary>
    public float[] Values { get; }

    /// <exception cref="InvalidDataException">The file lacks the tensor or holds it in another shape.</exception>
    public static RecordedTensor Read(GoldenTensors file, ParameterSpec spec)
    {
        string rowsName = $"{spec.Name}.rows", valuesName = $"{spec.Name}.values";
        if (!file.Contains(rowsName)) return new(null, ParameterReading.Expected(file, spec), spec.Shape.D1);
        int[] rows = file.Integers(rowsName);
        long[] shape = file.Shape(valuesName, 2);
        if (shape[0] != rows.Length || shape[1] != spec.Shape.D1 || rows.Any(r => (uint)r >= (uint)spec.Shape.D0))
            throw file.Error(valuesName, $"and its rows do not fit a parameter of shape {spec.Shape}");
        return new(rows, file.Floats(valuesName), spec.Shape.D1);
    }

    /// <summary>The same elements of a whole tensor.</summary>
    public float[] Select(float[] whole)
    {
        if (_rows is null) return whole;
        float[] selected = new float[Values.Length];
        for (int i = 0; i < _rows.Length; i++) whole.AsSpan(_rows[i] * _width, _width).CopyTo(selected.AsSpan(i * _width));
        return selected;
    }

    /// <summary>The first row that was not recorded and differs from a base, or −1.</summary>
    public int FirstChangedRow(ReadOnlySpan<float> whole, ReadOnlySpan<float> unchanged)
    {
        if (_rows is null) return -1;
        HashSet<int> recorded = [.. _rows];
        for (int row = 0; row < whole.Length / _width; row++)
        {
            if (recorded.Contains(row)) continue;
            if (!whole.Slice(row * _width, _width).SequenceEqual(unchanged.Slice(row * _width, _width))) return row;
        }
        return -1;
    }
}
