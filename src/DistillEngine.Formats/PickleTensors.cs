namespace DistillEngine.Formats;

/// <summary>The storages that a PyTorch file's pickle names, and the tensors built on them.</summary>
sealed class PickleTensors
{
    // PyTorch itself allows no more axes.
    const int MaxRank = 64;

    readonly Dictionary<string, PickledStorage> _storages = new(StringComparer.Ordinal);

    /// <summary>All storages, by key.</summary>
    public IReadOnlyDictionary<string, PickledStorage> Storages => _storages;

    /// <summary>Resolves a persistent id, <c>('storage', class, key, location, count[, view])</c>.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    public string? TryStorage(object? id, out StorageView? view)
    {
        view = null;
        if (id is not object?[] { Length: 5 or 6 } fields
            || fields is not ["storage", PickleGlobal { Role: PickleGlobal.Kind.Storage } kind, string key, string, long count, ..])
            return "a persistent id does not describe a storage";
        if (count < 0) return $"storage '{Malformed.Shorten(key)}' has {count} elements";
        if (_storages.TryGetValue(key, out var storage))
        {
            if (storage.DType != kind.StorageType || storage.Count != count)
                return $"storage '{Malformed.Shorten(key)}' is described in two ways";
        }
        else
        {
            storage = new(key, kind.StorageType, count);
            _storages.Add(key, storage);
        }
        if (fields.Length == 5 || fields[5] is null)
        {
            view = new(storage, 0, count);
            return null;
        }
        if (fields[5] is not object?[] part || part is not [string, long offset, long length])
            return "a storage's view is not described by key, offset and count";
        if (offset < 0 || length < 0 || offset > count - length)
            return $"a view of storage '{Malformed.Shorten(key)}' leaves its {count} elements";
        view = new(storage, offset, length);
        return null;
    }

    /// <summary>Builds a tensor from the arguments of <c>_rebuild_tensor_v2</c>: storage, offset, shape, strides, and flags of training.</summary>
    /// <returns>What is wrong with them, or null.</returns>
    public static string? TryTensor(object?[] arguments, out PickledTensor? tensor)
    {
        tensor = null;
        if (arguments is not [StorageView view, long offset, object?[] sizes, object?[] steps, bool, ..])
            return "a tensor is not described by storage, offset, shape and strides";
        if (sizes.Length != steps.Length || sizes.Length > MaxRank)
            return $"a tensor has {sizes.Length} extents and {steps.Length} strides, expected equal numbers up to {MaxRank}";
        long[] shape = new long[sizes.Length], strides = new long[sizes.Length];
        for (int d = 0; d < shape.Length; d++)
        {
            if (sizes[d] is not long size || steps[d] is not long step || size < 0 || step < 0)
                return "a tensor has an extent or stride that is not an integer of at least 0";
            shape[d] = size;
            strides[d] = size == 1 ? 0 : step;
        }
        string? error = CheckBounds(view, offset, shape, strides);
        if (error is null) tensor = new(view.Storage, view.Offset + offset, shape, strides);
        return error;
    }

    static string? CheckBounds(StorageView view, long offset, long[] shape, long[] strides)
    {
        // A view that repeats elements could claim any size at all; no checkpoint of a model needs one.
        if (!TensorInfo.TryCount(shape, sizeof(double), out long count) || count > view.Count)
            return $"a tensor of shape {TensorInfo.Describe(shape)} views a storage of only {view.Count} elements";
        if (offset < 0 || offset > view.Count) return $"a tensor starts at element {offset} of a storage of {view.Count}";
        if (count == 0) return null;
        Int128 last = offset;
        for (int d = 0; d < shape.Length; d++)
        {
            last += (Int128)(shape[d] - 1) * strides[d];
            if (last >= view.Count)
                return $"a tensor of shape {TensorInfo.Describe(shape)} and strides {TensorInfo.Describe(strides)} at element {offset} "
                    + $"leaves its storage of {view.Count} elements";
        }
        return last < view.Count ? null : $"a tensor starts at element {offset} of a storage of {view.Count}";
    }
}
