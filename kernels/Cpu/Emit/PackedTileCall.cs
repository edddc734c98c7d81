using System.Runtime.InteropServices;

namespace DistillEngine.Kernels;

/// <summary>The arguments of a routine of <see cref="PackedTileEmitter"/>: y[rows, outputs] = or += x Wᵀ with the packed weights of a tile, which are
/// a group's 32 outputs or half of them.</summary>
[StructLayout(LayoutKind.Explicit)]
unsafe struct PackedTileCall
{
    public const int AtX = 0, AtW = 8, AtY = 16, AtStrideBytes = 24, AtSteps = 32, AtOffsets = 40, AtRowScales = 48, AtScales = 56, AtNext = 64,
        AtAhead = 72, AtAdd = 80, AtMasks = 88, AtLaneMasks = 96;

    /// <summary>Lanes that have a word of their own where there are no mask registers: the most outputs of a tile.</summary>
    public const int MaskedLanes = 32;

    /// <summary>Words of inputs [steps, rows], or two of each [steps, rows, 2] (<see cref="PackedTileFormat.InputWords"/>); for int4 eight steps a
    /// block.</summary>
    [FieldOffset(AtX)] public void* X;

    /// <summary>The numbers of the tile's first output; a step further lie those of the next inputs.</summary>
    [FieldOffset(AtW)] public byte* W;

    [FieldOffset(AtY)] public float* Y;

    /// <summary>Bytes from a row of y to the next.</summary>
    [FieldOffset(AtStrideBytes)] public long StrideBytes;

    /// <summary>Steps of the group; for int4 its blocks. At least 1.</summary>
    [FieldOffset(AtSteps)] public long Steps;

    /// <summary>int32 [rows], for int4 [blocks, rows]: what sums begin with. Moved by the routine.</summary>
    [FieldOffset(AtOffsets)] public int* Offsets;

    /// <summary>float32 [rows]; for int8 and int4.</summary>
    [FieldOffset(AtRowScales)] public float* RowScales;

    /// <summary>The scales of the tile's first output on. Moved by the routine.</summary>
    [FieldOffset(AtScales)] public void* Scales;

    /// <summary>What the first step starts to read from memory.</summary>
    [FieldOffset(AtNext)] public byte* Next;

    /// <summary>Bytes between the two reads that a step starts, and from the second to those of the next step.</summary>
    [FieldOffset(AtAhead)] public long Ahead;

    /// <summary>0 overwrites y without reading it, 1 adds.</summary>
    [FieldOffset(AtAdd)] public long Add;

    /// <summary>A bit for each output that exists; the others are neither read nor written.</summary>
    [FieldOffset(AtMasks)] public uint Masks;

    /// <summary>Where there are no mask registers and some outputs are missing: a word for each, negative where it exists.</summary>
    [FieldOffset(AtLaneMasks)] public fixed int LaneMasks[MaskedLanes];
}
