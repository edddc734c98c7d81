using System.Runtime.InteropServices;
using DistillEngine.Core;
using DistillEngine.Formats;
using Xunit;

namespace DistillEngine.Tests.Formats;

public sealed class SafetensorsFileTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_EveryFloatingType_ConvertsEveryBitPattern()
    {
        // All 65,536 patterns of both 16-bit types, so that subnormals, infinities and NaNs are among them.
        ushort[] patterns = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        using var file = Open(
            """{"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]},"b":{"dtype":"BF16","shape":[256,256],"data_offsets":[131072,262144]}}""",
            [.. MemoryMarshal.AsBytes<ushort>(patterns), .. MemoryMarshal.AsBytes<ushort>(patterns)]);
        float[] half = new float[65536], brain = new float[65536];
        file.Read("h", half);
        file.Read("b", brain);
        for (int i = 0; i < patterns.Length; i++)
        {
            Assert.Equal((float)BitConverter.UInt16BitsToHalf(patterns[i]), half[i]);
            Assert.Equal((uint)patterns[i] << 16, BitConverter.SingleToUInt32Bits(brain[i]));
        }
    }

    [Fact]
    public void Read_WhenADoubleIsBeyondFloat32_Throws()
    {
        using var file = Open("""{"d":{"dtype":"F64","shape":[3],"data_offsets":[0,24]}}""",
            MemoryMarshal.AsBytes<double>([0.1, double.PositiveInfinity, 1e300]).ToArray());
        float[] values = new float[2];
        file.Read("d", 0, values);
        Assert.Equal([0.1f, float.PositiveInfinity], values);
        var error = Assert.Throws<InvalidDataException>(() => file.Read("d", new float[3]));
        Assert.Contains("'d' holds at element 2 a value beyond float32", error.Message);
    }

    [Theory]
    [InlineData("I64", new byte[] { 254, 255, 255, 255, 255, 255, 255, 255 }, -2)]
    [InlineData("I32", new byte[] { 254, 255, 255, 255 }, -2)]
    [InlineData("I16", new byte[] { 254, 255 }, -2)]
    [InlineData("I8", new byte[] { 254 }, -2)]
    [InlineData("U8", new byte[] { 254 }, 254)]
    [InlineData("BOOL", new byte[] { 1 }, 1)]
    public void Read_Integers_WidensWithTheSign(string type, byte[] bytes, long expected)
    {
        using var file = Open($$"""{"i":{"dtype":"{{type}}","shape":[],"data_offsets":[0,{{bytes.Length}}] } }""", bytes);
        long[] wide = new long[1];
        int[] narrow = new int[1];
        file.Read("i", wide);
        file.Read("i", narrow);
        Assert.Equal((expected, expected), (wide[0], narrow[0]));
        Assert.Contains("expected a floating-point type", Assert.Throws<InvalidDataException>(() => file.Read("i", new float[1])).Message);
    }

    [Fact]
    public void Read_WhenAnInt64ExceedsInt32_ThrowsOnlyForInt32()
    {
        using var file = Open("""{"i":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}""", MemoryMarshal.AsBytes<long>([7, 1L << 31]).ToArray());
        long[] wide = new long[2];
        file.Read("i", wide);
        Assert.Equal([7, 1L << 31], wide);
        Assert.Contains("2147483648 at element 1", Assert.Throws<InvalidDataException>(() => file.Read("i", new int[2])).Message);
    }

    [Fact]
    public unsafe void Read_InParts_EqualsTheWhole()
    {
        float[] values = [.. Enumerable.Range(0, 20000).Select(i => (float)i)];
        foreach (var type in new[] { DType.F32, DType.F64, DType.BF16 })
        {
            // Integers up to 256 are exact in every type.
            float[] stored = [.. values.Select(value => value % 257)];
            SafetensorsWriter.Write(_folder["m.safetensors"], [TensorToSave.FromFloats("x", [100, 200], stored, type)]);
            using var file = SafetensorsFile.Open(_folder["m.safetensors"]);
            float[] part = new float[9001], whole = new float[20000];
            file.Read("x", 7777, part);
            Assert.Equal(stored[7777..16778], part);
            fixed (float* destination = whole) file.Read("x", 0, 20000, destination);
            Assert.Equal(stored, whole);
        }
    }

    [Fact]
    public unsafe void Read_BeyondTwoToThe31Elements_CountsIn64Bits()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("The file is sparse, which takes a special call here.");
        const long Count = (1L << 31) + 5;
        byte[] json = System.Text.Encoding.UTF8.GetBytes($$"""{"x":{"dtype":"BF16","shape":[{{Count}}],"data_offsets":[0,{{2 * Count}}] } }""");
        string path = _folder["sparse.safetensors"];
        using (var stream = File.Create(path))
        {
            stream.Write([.. BinFiles.Numbers((long)json.Length), .. json]);
            stream.SetLength(sizeof(long) + json.Length + 2 * Count);
            stream.Seek(-4, SeekOrigin.End);
            stream.Write([0x80, 0x3F, 0xC0, 0x3F]);
        }
        using var file = SafetensorsFile.Open(path);
        float[] values = new float[3];
        file.Read("x", Count - 3, values);
        Assert.Equal([0, 1, 1.5f], values);
        fixed (float* destination = values) file.Read("x", Count - 2, 2, destination);
        Assert.Equal([1, 1.5f, 1.5f], values);
    }

    [Fact]
    public void Open_EmptyTensorsAndScalars_AreListed()
    {
        using var file =
            Open("""{"__metadata__":{"format":"pt","é":"ü"},"z":{"dtype":"F32","shape":[0,5],"data_offsets":[4,4]},"s":"""
            + """{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":"""
            + """{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}   """,
            BinFiles.Floats(3));
        Assert.Equal(["a", "s", "z"], file.Names);
        Assert.Equal((0L, 1L), (file.Info("z").Count, file.Info("s").Count));
        file.Read("z", Span<float>.Empty);
        float[] scalar = new float[1];
        file.Read("s", scalar);
        Assert.Equal(3, scalar[0]);
        Assert.Equal("ü", file.Metadata["é"]);
    }

    [Fact]
    public void Open_AFileWithoutTensors_IsEmpty()
    {
        using var file = Open("{}", []);
        Assert.Empty(file.Names);
    }

    [Fact]
    public void Info_WhenTheTensorIsMissing_NamesFileAndTensor()
    {
        using var file = Open("{}", []);
        var error = Assert.Throws<InvalidDataException>(() => file.Info("shared.weight"));
        Assert.StartsWith(file.Path, error.Message);
        Assert.Contains("'shared.weight' is missing", error.Message);
    }

    [Fact]
    public void Read_WhenTheDestinationDoesNotFit_Throws()
    {
        using var file = Open("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", BinFiles.Floats(1, 2));
        Assert.Throws<ArgumentException>(() => file.Read("x", new float[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read("x", 1, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read("x", -1, new float[1]));
        Assert.Throws<ArgumentException>(() => file.ReadBytes("x", 0, new byte[3]));
    }

    [Fact]
    public void Read_AfterDispose_Throws()
    {
        var file = Open("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", BinFiles.Floats(1, 2));
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Read("x", new float[2]));
    }

    [Fact]
    public void Open_WhenTheFileIsAbsent_Throws() => Assert.Throws<FileNotFoundException>(() => SafetensorsFile.Open(_folder["absent.safetensors"]));

    SafetensorsFile Open(string header, byte[] data)
    {
        string path = _folder["file.safetensors"];
        byte[] json = System.Text.Encoding.UTF8.GetBytes(header);
        File.WriteAllBytes(path, [.. BinFiles.Numbers((long)json.Length), .. json, .. data]);
        return SafetensorsFile.Open(path);
    }
}
