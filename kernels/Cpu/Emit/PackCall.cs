using System.Runtime.InteropServices;

namespace DistillEngine.Kernels;

/// <summary>The arguments of a routine of <see cref="Bf16PackEmitter"/>.</summary>
[StructLayout(LayoutKind.Explicit)]
unsafe struct PackCall
{
    public const int AtSource = 0, AtStrideBytes = 8, AtTarget = 16, AtTargetStrideBytes = 24, AtCount = 32, AtMasks = 40, AtPanelStrideBytes = 48;

    /// <summary>Vectors of float32 of a round.</summary>
    public const int Vectors = 4;

    [FieldOffset(AtSource)] public float* Source;

    [FieldOffset(AtStrideBytes)] public long StrideBytes;

    [FieldOffset(AtTarget)] public uint* Target;

    [FieldOffset(AtTargetStrideBytes)] public long TargetStrideBytes;

    /// <summary>Rounds, at least 1.</summary>
    [FieldOffset(AtCount)] public long Count;

    /// <summary>A bit a lane, for each vector of a round.</summary>
    [FieldOffset(AtMasks)] public fixed ushort Masks[Vectors];

    /// <summary>From a panel to the next, where a round fills several.</summary>
    [FieldOffset(AtPanelStrideBytes)] public long PanelStrideBytes;

    /// <summary>Masks for the first lanes of a round alone.</summary>
    public void MaskFirst(int lanes)
    {
        for (int v = 0; v < Vectors; v++) Masks[v] = (ushort)((1 << Math.Clamp(lanes - 16 * v, 0, 16)) - 1);
    }
}
