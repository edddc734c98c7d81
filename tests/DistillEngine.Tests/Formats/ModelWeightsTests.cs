using System.Text.Json.Nodes;
using DistillEngine.Formats;
using Xunit;

namespace DistillEngine.Tests.Formats;

public sealed class ModelWeightsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Save_AboveTheShardSize_WritesShardsAndIndex()
    {
        ModelWeights.Save(_folder.Path, Tensors(1, 5), maxShardBytes: 80);
        Assert.Equal(["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
            "model.safetensors.index.json"], _folder.Names);
        var index = JsonNode.Parse(File.ReadAllText(_folder["model.safetensors.index.json"]))!;
        Assert.Equal(200, index["metadata"]!["total_size"]!.GetValue<int>());
        Assert.Equal("model-00002-of-00003.safetensors", index["weight_map"]!["t3"]!.GetValue<string>());
        AssertHolds(1, 5);
    }

    [Fact]
    public void Save_WhenATensorExceedsTheShardSize_GetsAShardOfItsOwn()
    {
        ModelWeights.Save(_folder.Path, Tensors(1, 3), maxShardBytes: 1);
        Assert.Equal(4, _folder.Names.Length);
        AssertHolds(1, 3);
    }

    [Theory]
    [InlineData(80L, long.MaxValue)]
    [InlineData(long.MaxValue, 80L)]
    [InlineData(40L, 80L)]
    [InlineData(80L, 40L)]
    [InlineData(80L, 80L)]
    [InlineData(long.MaxValue, long.MaxValue)]
    public void Save_OverAnotherLayout_LeavesNothingStale(long first, long second)
    {
        ModelWeights.Save(_folder.Path, Tensors(1, 5), first);
        ModelWeights.Save(_folder.Path, Tensors(2, 5), second);
        AssertHolds(2, 5);
        int expectedFiles = second switch { 40 => 6, 80 => 4, _ => 1 };
        Assert.Equal(expectedFiles, _folder.Names.Length);
    }

    [Fact]
    public void Save_WhileTheOldModelIsOpen_KeepsTheOldReadable()
    {
        ModelWeights.Save(_folder.Path, Tensors(1, 2));
        using var old = ModelWeights.Open(_folder.Path);
        ModelWeights.Save(_folder.Path, Tensors(2, 2));
        float[] values = new float[10];
        old.Read("t0", values);
        Assert.Equal(Enumerable.Repeat(1f, 10), values);
        AssertHolds(2, 2);
    }

    [Fact]
    public void Save_WhenATensorFails_LeavesTheOldModel()
    {
        ModelWeights.Save(_folder.Path, Tensors(1, 5), 80);
        string[] before = _folder.Names;
        var failing = TensorToSave.FromFloats("t9", [10], (_, _) => throw new IOException("device lost"));
        Assert.Throws<IOException>(() => ModelWeights.Save(_folder.Path, [.. Tensors(2, 5), failing], 80));
        Assert.Equal(before, _folder.Names);
        AssertHolds(1, 5);
    }

    [Fact]
    public void Open_PrefersSafetensorsToPyTorch()
    {
        File.Copy(GoldenFolders.InRepository("checkpoints", "untied-bin", "pytorch_model.bin"), _folder["pytorch_model.bin"]);
        using (var bin = ModelWeights.Open(_folder.Path)) Assert.Contains("shared.weight", bin.Names);
        ModelWeights.Save(_folder.Path, Tensors(1, 2));
        AssertHolds(1, 2);
    }

    [Fact]
    public void Open_WhenTheFolderIsAbsent_Throws() => Assert.Throws<DirectoryNotFoundException>(() => ModelWeights.Open(_folder["absent"]));

    static TensorToSave[] Tensors(float value, int count) =>
        [.. Enumerable.Range(0, count).Select(i => TensorToSave.FromFloats($"t{i}", [10], Enumerable.Repeat(value + i, 10).ToArray()))];

    void AssertHolds(float value, int count)
    {
        using var source = ModelWeights.Open(_folder.Path);
        Assert.Equal(Enumerable.Range(0, count).Select(i => $"t{i}"), source.Names);
        float[] values = new float[10];
        for (int i = 0; i < count; i++)
        {
            source.Read($"t{i}", values);
            Assert.Equal(Enumerable.Repeat(value + i, 10), values);
        }
    }
}
