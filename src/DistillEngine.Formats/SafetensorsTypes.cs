using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>Names of element types in safetensors headers.</summary>
static class SafetensorsTypes
{
    /// <summary>The type of that name, or null when this engine has none.</summary>
    public static DType? Parse(string name) => name switch
    {
        "F32" => DType.F32,
        "F64" => DType.F64,
        "F16" => DType.F16,
        "BF16" => DType.BF16,
        "I64" => DType.I64,
        "I32" => DType.I32,
        "I16" => DType.I16,
        "I8" => DType.I8,
        "U8" => DType.U8,
        "BOOL" => DType.Bool,
        _ => null,
    };

    public static string Name(DType type) => type == DType.Bool ? "BOOL" : type.ToString();

    /// <summary>Place of the type in the reference implementation's order, in which its writer stores tensors, highest first.</summary>
    public static int WriteOrder(DType type) => type switch
    {
        DType.I64 => 9,
        DType.F64 => 8,
        DType.F32 => 7,
        DType.I32 => 6,
        DType.BF16 => 5,
        DType.F16 => 4,
        DType.I16 => 3,
        DType.I8 => 2,
        DType.U8 => 1,
        _ => 0,
    };
}
