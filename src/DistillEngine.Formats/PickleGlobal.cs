using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>
/// What a pickle of tensors may name. These are labels: the reader has its own code for each, and nothing from the file is ever looked
/// up or called.
/// </summary>
sealed class PickleGlobal
{
    static readonly Dictionary<string, PickleGlobal> Known = new(StringComparer.Ordinal)
    {
        ["collections.OrderedDict"] = new(Kind.OrderedDictionary),
        ["torch._utils._rebuild_tensor_v2"] = new(Kind.RebuildTensor),
        ["torch._utils._rebuild_parameter"] = new(Kind.RebuildParameter),
        ["torch.FloatStorage"] = new(Kind.Storage, DType.F32),
        ["torch.DoubleStorage"] = new(Kind.Storage, DType.F64),
        ["torch.HalfStorage"] = new(Kind.Storage, DType.F16),
        ["torch.BFloat16Storage"] = new(Kind.Storage, DType.BF16),
        ["torch.LongStorage"] = new(Kind.Storage, DType.I64),
        ["torch.IntStorage"] = new(Kind.Storage, DType.I32),
        ["torch.ShortStorage"] = new(Kind.Storage, DType.I16),
        ["torch.CharStorage"] = new(Kind.Storage, DType.I8),
        ["torch.ByteStorage"] = new(Kind.Storage, DType.U8),
        ["torch.BoolStorage"] = new(Kind.Storage, DType.Bool),
    };

    PickleGlobal(Kind kind, DType type = default) => (Role, StorageType) = (kind, type);

    public enum Kind
    {
        OrderedDictionary,
        RebuildTensor,
        RebuildParameter,
        Storage,
    }

    public Kind Role { get; }

    /// <summary>Element type of a storage class.</summary>
    public DType StorageType { get; }

    /// <summary>The global of that module and name, or null when loading tensors does not need it.</summary>
    public static PickleGlobal? Find(string module, string name) => Known.GetValueOrDefault($"{module}.{name}");
}
