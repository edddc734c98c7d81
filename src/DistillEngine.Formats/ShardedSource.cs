using System.Diagnostics.CodeAnalysis;

namespace DistillEngine.Formats;

/// <summary>The shards that an index names, as one source. Index and shards must agree exactly: a tensor in two shards has no meaning.</summary>
sealed class ShardedSource : TensorSource
{
    readonly Dictionary<string, TensorSource> _shardOfTensor = new(StringComparer.Ordinal);
    readonly List<TensorSource> _shards = [];
    readonly List<string> _names = [];

    ShardedSource(string indexPath) => Path = indexPath;

    public override string Path { get; }

    public override IReadOnlyCollection<string> Names => _names;

    /// <param name="open">Opens one shard by its path.</param>
    /// <exception cref="InvalidDataException">The index or a shard breaks its format, or they contradict each other.</exception>
    public static ShardedSource Open(string indexPath, Func<string, TensorSource> open)
    {
        var source = new ShardedSource(indexPath);
        try
        {
            source.OpenShards(open);
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    public override bool TryGetInfo(string name, [NotNullWhen(true)] out TensorInfo? info)
    {
        info = null;
        return _shardOfTensor.TryGetValue(name, out var shard) && shard.TryGetInfo(name, out info);
    }

    protected internal override void ReadElements(string name, long start, Span<byte> destination) =>
        _shardOfTensor[name].ReadElements(name, start, destination);

    protected override void Dispose(bool disposing)
    {
        if (!disposing) return;
        foreach (var shard in _shards) shard.Dispose();
    }

    void OpenShards(Func<string, TensorSource> open)
    {
        string folder = System.IO.Path.GetDirectoryName(Path)!;
        var shards = new Dictionary<string, TensorSource>(StringComparer.Ordinal);
        foreach (var (tensor, file) in ShardIndex.Read(Path))
        {
            if (!shards.TryGetValue(file, out var shard))
            {
                string path = System.IO.Path.Combine(folder, file);
                if (!File.Exists(path))
                    Malformed.ThrowTensor(Path, tensor, $"is mapped to the file '{file}', which is missing", "Download the missing file.");
                shard = open(path);
                _shards.Add(shard);
                shards.Add(file, shard);
            }
            if (!shard.Contains(tensor)) Malformed.ThrowTensor(Path, tensor, $"is mapped to '{file}', which does not hold it");
            _shardOfTensor.Add(tensor, shard);
            _names.Add(tensor);
        }
        foreach (var shard in _shards)
        {
            foreach (string tensor in shard.Names)
            {
                if (!_shardOfTensor.TryGetValue(tensor, out var owner))
                    Malformed.ThrowTensor(Path, tensor, $"stands in '{System.IO.Path.GetFileName(shard.Path)}', but not in the index");
                if (owner != shard)
                    Malformed.ThrowTensor(Path, tensor,
                        $"stands in both '{System.IO.Path.GetFileName(owner.Path)}' and '{System.IO.Path.GetFileName(shard.Path)}'");
            }
        }
    }
}
