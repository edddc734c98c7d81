using DistillEngine.Formats;

namespace DistillEngine.Verification;

/// <summary>A golden's safetensors file, read tensor by tensor.</summary>
sealed class GoldenTensors : IDisposable
{
    readonly SafetensorsFile _file;

    GoldenTensors(SafetensorsFile file) => _file = file;

    public string Path => _file.Path;

    public IReadOnlyCollection<string> Names => _file.Names;

    /// <exception cref="InvalidDataException">The file breaks the format.</exception>
    /// <exception cref="IOException">The file is absent or cannot be read.</exception>
    public static GoldenTensors Open(string path) => new(SafetensorsFile.Open(path));

    public bool Contains(string name) => _file.Contains(name);

    public long[] Shape(string name) => _file.Info(name).Shape;

    public float[] Floats(string name)
    {
        float[] values = new float[_file.Info(name).Count];
        _file.Read(name, values);
        return values;
    }

    public int[] Integers(string name)
    {
        int[] values = new int[_file.Info(name).Count];
        _file.Read(name, values);
        return values;
    }

    /// <summary>Checksums and row numbers, which may exceed 31 bits.</summary>
    public long[] LongIntegers(string name)
    {
        long[] values = new long[_file.Info(name).Count];
        _file.Read(name, values.AsSpan());
        return values;
    }

    /// <exception cref="InvalidDataException">The tensor has not so many dimensions.</exception>
    public long[] Shape(string name, int dimensions)
    {
        long[] shape = Shape(name);
        return shape.Length == dimensions
            ? shape
            : throw Error(name, $"has shape {TensorInfo.Describe(shape)}, expected {dimensions} dimensions");
    }

    /// <exception cref="InvalidDataException">The tensor has another shape.</exception>
    public void CheckShape(string name, ReadOnlySpan<long> expected)
    {
        if (!Shape(name).AsSpan().SequenceEqual(expected))
            throw Error(name, $"has shape {TensorInfo.Describe(Shape(name))}, expected {TensorInfo.Describe(expected)}");
    }

    /// <summary>An error about a tensor of this file.</summary>
    public InvalidDataException Error(string name, string problem) => new($"{Path}: tensor '{name}' {problem}. Copy the golden again.");

    public void Dispose() => _file.Dispose();
}
