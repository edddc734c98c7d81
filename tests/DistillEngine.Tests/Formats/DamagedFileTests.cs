using DistillEngine.Formats;
using Xunit;

namespace DistillEngine.Tests.Formats;

/// <summary>Small valid files with random bytes changed, cut off or inserted: they read, or fail with InvalidDataException.</summary>
public sealed class DamagedFileTests : IDisposable
{
    const int Iterations = 1000;
    const int Seed = 20240607;

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Safetensors() => Damage("model.safetensors", Write(2));

    [Fact]
    public void Zip() => Damage("pytorch_model.bin", BinFiles.Zip(Pickled(false), ("0", BinFiles.Floats(1, 2, 3, 4, 5, 6))));

    [Fact]
    public void Zip64() => Damage("pytorch_model.bin", BinFiles.Archive64(("m/data.pkl", Pickled(false)), ("m/data/0", BinFiles.Floats(1, 2, 3, 4, 5, 6))));

    [Fact]
    public void Legacy() => Damage("pytorch_model.bin", BinFiles.Legacy(Pickled(true), ("0", 6, BinFiles.Floats(1, 2, 3, 4, 5, 6))));

    [Fact]
    public void TorchZip() => Damage("pytorch_model.bin", File.ReadAllBytes(GoldenFolders.InRepository("checkpoints", "evil-bin", "pytorch_model.bin")));

    [Fact]
    public void Index()
    {
        File.WriteAllBytes(_folder["a.safetensors"], Write(1));
        Damage("model.safetensors.index.json", """{"metadata":{"total_size":24},"weight_map":{"t0":"a.safetensors"}}"""u8.ToArray());
    }

    [Fact]
    public void Config()
    {
        byte[] original = File.ReadAllBytes(GoldenFolders.InRepository("models", "long", "config.json"));
        ForEachDamaged(original, bytes =>
        {
            var config = HuggingFaceConfig.Parse(bytes, "config.json");
            foreach (string key in config.Keys)
            {
                Tolerate(() => config.GetInt32(key));
                Tolerate(() => config.GetDouble(key));
                Tolerate(() => config.GetString(key));
                Tolerate(() => config.GetBoolean(key));
            }
            config.ToUtf8();
        });
    }

    void Damage(string name, byte[] original) => ForEachDamaged(original, bytes =>
    {
        File.WriteAllBytes(_folder[name], bytes);
        using var source = ModelWeights.Open(_folder.Path);
        foreach (string tensor in source.Names)
        {
            long count = source.Info(tensor).Count;
            // A claim that passed validation is backed by the file's own bytes.
            Assert.InRange(count, 0, bytes.Length);
            Tolerate(() => source.Read(tensor, new float[count]));
            Tolerate(() => source.Read(tensor, new long[count]));
        }
    });

    static void ForEachDamaged(byte[] original, Action<byte[]> use)
    {
        var random = new Random(Seed);
        int accepted = 0, refused = 0;
        for (int i = 0; i < Iterations; i++)
        {
            byte[] bytes = Damaged(original, random);
            try
            {
                use(bytes);
                accepted++;
            }
            catch (InvalidDataException)
            {
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"Seed {Seed}, iteration {i}: {e}\n{Convert.ToHexString(bytes)}");
            }
        }
        Assert.NotEqual(0, refused);
        Assert.Equal(Iterations, accepted + refused);
    }

    static byte[] Damaged(byte[] original, Random random)
    {
        var bytes = new List<byte>(original);
        switch (random.Next(4))
        {
            case 0:
                bytes = bytes[..random.Next(bytes.Count)];
                break;
            case 1:
                bytes.Insert(random.Next(bytes.Count), (byte)random.Next(256));
                break;
            default:
                for (int n = random.Next(1, 4); n > 0; n--)
                {
                    int at = random.Next(bytes.Count);
                    bytes[at] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)(bytes[at] ^ (1 << random.Next(8)));
                }
                break;
        }
        return [.. bytes];
    }

    static void Tolerate(Action read)
    {
        try
        {
            read();
        }
        catch (InvalidDataException)
        {
        }
    }

    static byte[] Pickled(bool legacy) => Pickle.StateDictionary()
        .Tensor("a", "0", 6, 0, [2, 3], [3, 1], legacy: legacy)
        .Tensor("b", "0", 6, 0, [3, 2], [1, 3], legacy: legacy)
        .Close();

    static byte[] Write(int count)
    {
        var stream = new MemoryStream();
        SafetensorsWriter.Write(stream,
            [.. Enumerable.Range(0, count).Select(i => TensorToSave.FromFloats($"t{i}", [2, 3], new float[] { 1, 2, 3, 4, 5, 6 }))]);
        return stream.ToArray();
    }
}
