using DistillEngine.Core;
using DistillEngine.Formats;
using Xunit;

namespace DistillEngine.Tests.Formats;

public sealed class PyTorchBinFileTests : IDisposable
{
    static readonly float[] Ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_Views_FollowsOffsetsAndStrides(bool legacy)
    {
        byte[] pickle = Pickle.StateDictionary()
            .Tensor("rows", "0", 10, 1, [2, 3], [3, 1], legacy: legacy)
            .Tensor("transposed", "0", 10, 1, [3, 2], [1, 3], legacy: legacy)
            .Tensor("every second", "0", 10, 0, [5], [2], legacy: legacy)
            .Tensor("three axes", "0", 10, 0, [2, 2, 2], [1, 4, 2], legacy: legacy)
            .Tensor("one long axis", "0", 10, 3, [1, 2, 1], [long.MaxValue, 1, 5], legacy: legacy)
            .Tensor("scalar", "0", 10, 9, [], [], legacy: legacy)
            .Tensor("empty", "0", 10, 10, [0, 4], [4, 1], legacy: legacy)
            .Close();
        using var file = Open(legacy ? BinFiles.Legacy(pickle, ("0", 10, BinFiles.Floats(Ten))) : BinFiles.Zip(pickle, ("0", BinFiles.Floats(Ten))));
        Assert.Equal([1, 2, 3, 4, 5, 6], Values(file, "rows"));
        Assert.Equal([1, 4, 2, 5, 3, 6], Values(file, "transposed"));
        Assert.Equal([0, 2, 4, 6, 8], Values(file, "every second"));
        Assert.Equal([0, 2, 4, 6, 1, 3, 5, 7], Values(file, "three axes"));
        Assert.Equal([3, 4], Values(file, "one long axis"));
        Assert.Equal([9], Values(file, "scalar"));
        Assert.Equal([], Values(file, "empty"));
        float[] part = new float[3];
        file.Read("transposed", 2, part);
        Assert.Equal([2, 5, 3], part);
    }

    [Fact]
    public void Read_ALegacyStorageThatIsAView_CountsFromTheView()
    {
        byte[] pickle = Pickle.StateDictionary().Tensor("x", "root", 10, 1, [2], [1], view: ("view", 4, 3)).Close();
        using var file = Open(BinFiles.Legacy(pickle, ("root", 10, BinFiles.Floats(Ten))));
        Assert.Equal([5, 6], Values(file, "x"));
    }

    [Theory]
    [InlineData("HalfStorage", DType.F16, new byte[] { 0x00, 0x3E })]
    [InlineData("BFloat16Storage", DType.BF16, new byte[] { 0xC0, 0x3F })]
    [InlineData("DoubleStorage", DType.F64, new byte[] { 0, 0, 0, 0, 0, 0, 0xF8, 0x3F })]
    public void Read_EveryFloatingStorage_Converts(string storage, DType type, byte[] oneAndAHalf)
    {
        byte[] pickle = Pickle.StateDictionary().Tensor("x", "0", 2, 0, [2, 1], [1, 1], storage).Close();
        using var file = Open(BinFiles.Zip(pickle, ("0", [.. oneAndAHalf, .. oneAndAHalf])));
        Assert.Equal(type, file.Info("x").DType);
        Assert.Equal([1.5f, 1.5f], Values(file, "x"));
    }

    [Theory]
    [InlineData("LongStorage", 8)]
    [InlineData("IntStorage", 4)]
    [InlineData("ShortStorage", 2)]
    [InlineData("CharStorage", 1)]
    [InlineData("ByteStorage", 1)]
    [InlineData("BoolStorage", 1)]
    public void Read_TransposedIntegers_Gathers(string storage, int size)
    {
        byte[] data = new byte[6 * size];
        for (int i = 0; i < 6; i++) data[i * size] = (byte)i;
        byte[] pickle = Pickle.StateDictionary().Tensor("x", "0", 6, 0, [3, 2], [1, 3], storage).Close();
        using var file = Open(BinFiles.Zip(pickle, ("0", data)));
        long[] values = new long[6];
        file.Read("x", values);
        Assert.Equal([0, 3, 1, 4, 2, 5], values);
    }

    [Fact]
    public void Open_AnOrderedDictionaryWithMetadataAndParameters_IsUnderstood()
    {
        // What torch.save(model.state_dict()) of a module writes, with a Parameter among the tensors.
        byte[] pickle = new Pickle().Global("collections", "OrderedDict").Op(')').Op('R').Raw((byte)'q', 7).Op('(')
            .Tensor("x", "0", 10, 0, [10], [1])
            .Text("p").Global("torch._utils", "_rebuild_parameter").Op('(').Rebuild(storage => storage.Storage("0", 10), 2, [3], [1])
            .Raw(0x88).Global("collections", "OrderedDict").Op(')').Op('R').Op('t').Op('R')
            .Op('u').Op('}').Text("_metadata").Global("collections", "OrderedDict").Op(')').Op('R').Op('s').Op('b').Op('.').ToArray();
        using var file = Open(BinFiles.Zip(pickle, ("0", BinFiles.Floats(Ten))));
        Assert.Equal(["x", "p"], file.Names);
        Assert.Equal([2, 3, 4], Values(file, "p"));
    }

    [Fact]
    public void Open_AZipWith64BitFields_IsUnderstood()
    {
        byte[] pickle = Pickle.StateDictionary().Tensor("x", "0", 10, 0, [10], [1]).Close();
        using var file = Open(BinFiles.Archive64(("m/data.pkl", pickle), ("m/data/0", BinFiles.Floats(Ten))));
        Assert.Equal(Ten, Values(file, "x"));
    }

    [Fact]
    public void Open_ProtocolFour_IsUnderstood()
    {
        // FRAME, MEMOIZE, SHORT_BINUNICODE and STACK_GLOBAL; the memo counts from 0, so that 1 is the tensor's name.
        byte[] pickle = new Pickle().Raw(0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0).Op('}').Raw(0x94).Raw(0x8C, 1).Op('x').Raw(0x94)
            .Raw(0x8C, 12).Raw("torch._utils"u8.ToArray()).Raw(0x8C, 18).Raw("_rebuild_tensor_v2"u8.ToArray()).Raw(0x93)
            .Op('(').Storage("0", 10).Integer(0).Tuple(10).Tuple(1).Raw(0x89).Op('N').Op('t').Op('R').Op('s')
            .Text("_").Op('h').Raw(1).Op('s').Op('.').ToArray();
        Assert.Contains("'_' is no tensor", Assert.Throws<InvalidDataException>(() => Open(BinFiles.Zip(pickle, ("0", BinFiles.Floats(Ten))))).Message);
        int extra = 6 + 2 + 1 + 1;
        using var file = Open(BinFiles.Zip([.. pickle[..^extra], (byte)'.'], ("0", BinFiles.Floats(Ten))));
        Assert.Equal(Ten, Values(file, "x"));
    }

    [Fact]
    public void Open_TheEntriesOfSystemIoCompression_AreUnderstoodWhenStored()
    {
        byte[] pickle = Pickle.StateDictionary().Tensor("x", "0", 10, 0, [10], [1]).Close();
        foreach (bool stored in new[] { true, false })
        {
            var level = stored ? System.IO.Compression.CompressionLevel.NoCompression : System.IO.Compression.CompressionLevel.Optimal;
            using (var zip = System.IO.Compression.ZipFile.Open(_folder[$"{stored}.bin"], System.IO.Compression.ZipArchiveMode.Create))
            {
                foreach (var (name, data) in new[] { ("m/data.pkl", pickle), ("m/data/0", BinFiles.Floats(Ten)) })
                {
                    using var entry = zip.CreateEntry(name, level).Open();
                    entry.Write(data);
                }
            }
            if (stored)
            {
                using var file = PyTorchBinFile.Open(_folder["True.bin"]);
                Assert.Equal(Ten, Values(file, "x"));
            }
            else
            {
                Assert.Contains("compressed or encrypted", Assert.Throws<InvalidDataException>(() => PyTorchBinFile.Open(_folder["False.bin"])).Message);
            }
        }
    }

    PyTorchBinFile Open(byte[] bytes)
    {
        File.WriteAllBytes(_folder["pytorch_model.bin"], bytes);
        return PyTorchBinFile.Open(_folder["pytorch_model.bin"]);
    }

    static float[] Values(TensorSource source, string name)
    {
        float[] values = new float[source.Info(name).Count];
        source.Read(name, values);
        return values;
    }
}
