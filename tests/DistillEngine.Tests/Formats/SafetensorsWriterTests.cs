using DistillEngine.Core;
using DistillEngine.Formats;
using Xunit;

namespace DistillEngine.Tests.Formats;

public sealed class SafetensorsWriterTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("models", "long")]
    [InlineData("checkpoints", "untied-bf16")]
    [InlineData("checkpoints", "untied-fp16")]
    public void Write_TheTensorsOfAReferenceFile_GivesTheSameBytes(string kind, string name)
    {
        string reference = GoldenFolders.InRepository(kind, name, "model.safetensors");
        using (var source = SafetensorsFile.Open(reference))
        {
            // The order in which tensors are given does not matter.
            SafetensorsWriter.Write(_folder["m.safetensors"], [.. source.Names.Reverse().Select(tensor => TensorToSave.FromSource(source, tensor))]);
        }
        Assert.Equal(File.ReadAllBytes(reference), File.ReadAllBytes(_folder["m.safetensors"]));
    }

    [Theory]
    [InlineData(DType.F16, "untied-fp16")]
    [InlineData(DType.BF16, "untied-bf16")]
    public void Write_Float32InSixteenBits_RoundsAsTheReferenceDoes(DType type, string expected)
    {
        using (var source = SafetensorsFile.Open(GoldenFolders.InRepository("models", "long", "model.safetensors")))
        {
            SafetensorsWriter.Write(_folder["m.safetensors"],
                [.. source.Names.Select(name =>
                    TensorToSave.FromFloats(name, source.Info(name).Shape, (start, destination) => source.Read(name, start, destination), type))]);
        }
        Assert.Equal(File.ReadAllBytes(GoldenFolders.InRepository("checkpoints", expected, "model.safetensors")), File.ReadAllBytes(_folder["m.safetensors"]));
    }

    [Fact]
    public void Write_BFloat16_RoundsTiesToEvenAndKeepsNaN()
    {
        float[] values = [Bits(0x3F80_8000), Bits(0x3F81_8000), Bits(0x3F80_8001), Bits(0x7F80_0001), Bits(0xFF80_0000), Bits(0x8000_0000), Bits(0x0000_8001)];
        SafetensorsWriter.Write(_folder["m.safetensors"], [TensorToSave.FromFloats("x", [7], values, DType.BF16)]);
        using var file = SafetensorsFile.Open(_folder["m.safetensors"]);
        ushort[] stored = new ushort[7];
        file.ReadBytes("x", 0, System.Runtime.InteropServices.MemoryMarshal.AsBytes(stored.AsSpan()));
        Assert.Equal([0x3F80, 0x3F82, 0x3F81, 0x7FC0, 0xFF80, 0x8000, 0x0001], stored);
    }

    [Theory]
    [InlineData(DType.F16, 65520f)]
    [InlineData(DType.BF16, 3.4e38f)]
    public void Write_WhenAValueExceedsTheType_ThrowsAndLeavesTheOldFile(DType type, float value)
    {
        File.WriteAllText(_folder["m.safetensors"], "old");
        var error = Assert.Throws<InvalidOperationException>(() =>
            SafetensorsWriter.Write(_folder["m.safetensors"], [TensorToSave.FromFloats("x", [2], new[] { 1, value }, type)]));
        Assert.Contains("'x'", error.Message);
        Assert.Contains("at element 1", error.Message);
        Assert.Equal("old", File.ReadAllText(_folder["m.safetensors"]));
        Assert.Equal(["m.safetensors"], _folder.Names);
    }

    [Fact]
    public void Write_EveryKindOfTensor_ReadsBack()
    {
        using var buffer = new HostBuffer(64, "test");
        var host = new Tensor(buffer, 2, new Shape(2, 3), DType.F32, "host");
        for (int i = 0; i < 6; i++) host.HostSpan<float>()[i] = i * 0.1f;
        SafetensorsWriter.Write(_folder["m.safetensors"],
        [
            TensorToSave.FromTensor("host", [2, 3], host), TensorToSave.FromIntegers("long", [2], new[] { long.MinValue, 5L }),
            TensorToSave.FromIntegers("int", [1, 2], new[] { int.MinValue, 6 }), TensorToSave.FromFloats("scalar", [], new[] { 9f }, DType.F64),
            TensorToSave.FromFloats("empty \"\\ ü", [3, 0], ReadOnlyMemory<float>.Empty),
        ], new Dictionary<string, string> { ["b"] = "2", ["a"] = "1" });
        using var file = SafetensorsFile.Open(_folder["m.safetensors"]);
        Assert.Equal(["a", "b"], file.Metadata.Keys);
        float[] floats = new float[6];
        file.Read("host", floats);
        Assert.Equal(host.HostSpan<float>().ToArray(), floats);
        long[] integers = new long[2];
        file.Read("long", integers);
        Assert.Equal([long.MinValue, 5], integers);
        file.Read("int", integers);
        Assert.Equal([int.MinValue, 6], integers);
        file.Read("scalar", floats.AsSpan(0, 1));
        Assert.Equal(9, floats[0]);
        Assert.Equal([3, 0], file.Info("empty \"\\ ü").Shape);
    }

    [Fact]
    public void Write_WhenNamesRepeatOrAreReserved_Throws()
    {
        var tensor = TensorToSave.FromFloats("x", [1], new[] { 1f });
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(_folder["m.safetensors"], [tensor, tensor]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(_folder["m.safetensors"], [TensorToSave.FromFloats("__metadata__", [1], new[] { 1f })]));
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void TensorToSave_WhenValuesDoNotFitTheShape_Throws()
    {
        Assert.Throws<ArgumentException>(() => TensorToSave.FromFloats("x", [2], new[] { 1f }));
        Assert.Throws<ArgumentException>(() => TensorToSave.FromFloats("x", [1], new[] { 1f }, DType.I64));
        Assert.Throws<ArgumentException>(() => TensorToSave.FromIntegers("x", [-1], new[] { 1L }));
    }

    static float Bits(uint bits) => BitConverter.UInt32BitsToSingle(bits);
}
