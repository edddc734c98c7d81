using DistillEngine.Core;
namespace DistillEngine.Formats;

/// <summary>The weights of a Hugging Face model folder, in whichever layout they are.</summary>
public static class ModelWeights
{
    /// <summary>Shard size above which Hugging Face of version 4 splits a model: 5 GB.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    /// <summary>
    /// Opens the first of <c>model.safetensors</c>, <c>model.safetensors.index.json</c>, <c>pytorch_model.bin</c> and
    /// <c>pytorch_model.bin.index.json</c> that the folder has, as Hugging Face's loader does.
    /// </summary>
    /// <returns>The tensors by their names in the files. The caller disposes it.</returns>
    /// <exception cref="InvalidDataException">The folder has none of them, or a file breaks its format.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static TensorSource Open(string folder)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{folder}: there is no such folder. Give a folder with config.json and weights.");
        if (Find(folder, ModelFiles.Safetensors) is { } safetensors) return SafetensorsFile.Open(safetensors);
        if (Find(folder, ModelFiles.SafetensorsIndex) is { } safetensorsIndex)
            return ShardedSource.Open(safetensorsIndex, SafetensorsFile.Open);
        if (Find(folder, ModelFiles.PyTorch) is { } pyTorch) return PyTorchBinFile.Open(pyTorch);
        if (Find(folder, ModelFiles.PyTorchIndex) is { } pyTorchIndex) return ShardedSource.Open(pyTorchIndex, PyTorchBinFile.Open);
        Malformed.Throw(folder, "the folder holds no model weights",
            $"Expected {ModelFiles.Safetensors}, {ModelFiles.SafetensorsIndex}, {ModelFiles.PyTorch} or {ModelFiles.PyTorchIndex}.");
        return null;
    }

    /// <summary>
    /// Writes a model's weights as safetensors, in one file or, above <paramref name="maxShardBytes"/>, in shards with an index.
    /// Safetensors and indexes that stood in the folder are replaced or deleted; a <c>pytorch_model.bin</c> stays, and
    /// <see cref="Open"/> prefers what was written here.
    /// </summary>
    /// <remarks>
    /// One file replaces another in a single step. A sharded write into a folder whose shards have the same names cannot: if it is
    /// interrupted between two renames, the index is absent, and opening fails rather than mix two models. Write into an
    /// <see cref="AtomicFolder"/> where that matters.
    /// </remarks>
    /// <param name="folder">Created when missing.</param>
    /// <param name="tensors">Distributed to shards in this order.</param>
    /// <param name="maxShardBytes">Bytes of tensors in a shard, at least 1; a larger tensor gets a shard of its own.</param>
    /// <exception cref="ArgumentException">Two tensors share a name.</exception>
    public static void Save(string folder, IReadOnlyList<TensorToSave> tensors, long maxShardBytes = DefaultShardBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxShardBytes, 1);
        SafetensorsWriter.CheckNames(tensors);
        Directory.CreateDirectory(folder);
        var shards = Split(tensors, maxShardBytes);
        if (shards.Count == 1) SaveSingle(folder, tensors);
        else SaveShards(folder, shards);
    }

    static string? Find(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        return File.Exists(path) ? path : null;
    }

    static List<List<TensorToSave>> Split(IReadOnlyList<TensorToSave> tensors, long maxShardBytes)
    {
        var shards = new List<List<TensorToSave>> { new() };
        long room = maxShardBytes;
        foreach (var tensor in tensors)
        {
            if (tensor.Info.ByteLength > room && shards[^1].Count > 0)
            {
                shards.Add([]);
                room = maxShardBytes;
            }
            shards[^1].Add(tensor);
            room -= tensor.Info.ByteLength;
        }
        return shards;
    }

    static void SaveSingle(string folder, IReadOnlyList<TensorToSave> tensors)
    {
        // From this rename on, readers prefer the new file to an index that is still there.
        SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Safetensors), tensors);
        File.Delete(Path.Combine(folder, ModelFiles.SafetensorsIndex));
        DeleteShards(folder, keep: []);
    }

    static void SaveShards(string folder, List<List<TensorToSave>> shards)
    {
        var files = new List<AtomicFile>();
        var map = new List<KeyValuePair<string, string>>();
        long totalBytes = 0;
        try
        {
            for (int i = 0; i < shards.Count; i++)
            {
                string name = ModelFiles.Shard(i + 1, shards.Count);
                var file = new AtomicFile(Path.Combine(folder, name));
                files.Add(file);
                SafetensorsWriter.Write(file.Stream, shards[i]);
                file.Seal();
                foreach (var tensor in shards[i])
                {
                    map.Add(new(tensor.Info.Name, name));
                    totalBytes += tensor.Info.ByteLength;
                }
            }
            string index = Path.Combine(folder, ModelFiles.SafetensorsIndex);
            File.Delete(index);
            foreach (var file in files) file.Commit();
            ShardIndex.Write(index, map, totalBytes);
            File.Delete(Path.Combine(folder, ModelFiles.Safetensors));
            DeleteShards(folder, keep: map.Select(entry => entry.Value).ToHashSet(StringComparer.Ordinal));
        }
        finally
        {
            foreach (var file in files) file.Dispose();
        }
    }

    static void DeleteShards(string folder, HashSet<string> keep)
    {
        foreach (string path in Directory.EnumerateFiles(folder))
        {
            string name = Path.GetFileName(path);
            if (ModelFiles.IsShard(name) && !keep.Contains(name)) File.Delete(path);
        }
    }
}
