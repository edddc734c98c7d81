using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>Tiles of machine code written for this processor: one routine for each number of rows and vectors, so that edges cost what they
/// hold, and masks where the last vector is not whole. <see cref="EmittedCode"/> holds them.</summary>
sealed unsafe class EmittedGemmKernel : GemmKernel
{
    // A fetch block of every processor: routines begin where no other one ends.
    const int CodeAlignment = 64;

    const byte Int3 = 0xCC; // Between routines: a stray jump stops.

    readonly TileFormat _format;
    readonly int _lanesShift;
    readonly nint[] _routines;
    readonly Bf16Packer? _bf16;
    readonly EmittedGemmKernel? _float32;

    EmittedGemmKernel(TileFormat format, nint[] routines, Bf16Packer? bf16, EmittedGemmKernel? float32)
    {
        _format = format;
        _lanesShift = BitOperations.Log2((uint)format.Lanes);
        _routines = routines;
        _bf16 = bf16;
        _float32 = float32;
    }

    /// <summary>The same tiles over operands rounded to bfloat16.</summary>
    public EmittedGemmKernel WithRoundedOperands() => new(_format, _routines, bf16: null, float32: this);

    public override GemmKernel Float32 => _float32 ?? this;

    /// <summary>Float32 tiles over operands that are rounded to bfloat16 as they are packed. The product of two bfloat16 is exact in float32, so that
    /// only the order of the sums differs from dot products of pairs.</summary>
    bool Rounds => _float32 is not null && _bf16 is null;

    public override int Rows => _format.Rows;

    public override int Columns => TileFormat.Vectors * _format.Lanes;

    public override int Lanes => _format.Lanes;

    public override int StepsPerWord => _format.StepsPerWord;

    // Less than a third of the second cache: panels of the right factor, packed and to be packed, and the result pass through it meanwhile, other
    // threads of the core may have their part of it, and pages that do not lie side by side collide in it. Measured with 1 and 2 MiB.
    public override long RowBlockBytes => Caches.Second.Bytes * 5 / 16;

    public override bool AsksForPackedColumns => !Processor.IsZen5OrLater;

    public override int PanelRows(int rows) => rows;

    public override int PanelColumns(int columns) => Vectors(columns) * _format.Lanes;

    public override void PackRows(in GemmOperand a, long first, int count, long start, int depth, float* panel) =>
        Pack(a, first, count, count, start, depth, panel);

    public override void PackColumns(in GemmOperand b, long first, int count, long start, int depth, float* panel) =>
        Pack(b, first, count, PanelColumns(count), start, depth, panel);

    public override void PackRowPanels(in GemmOperand a, long first, int count, long start, in GemmPiece piece, float* panels, long panelStride)
    {
        // A program compiled ahead of time for older processors has emitted tiles with 512-bit vectors, but no such code of its own.
        bool isGroup = _format.Rows == GemmPack512.Rows && (_bf16 is not null || GemmPack512.IsSupported)
            && !a.LinesAreContiguous && count == GemmPack512.GroupRows;
        float* from = panels + piece.Start / StepsPerWord * GemmPack512.Rows;
        if (!isGroup) base.PackRowPanels(a, first, count, start, piece, panels, panelStride);
        else if (_bf16 is not null) _bf16.RowPanels(a, first, start + piece.Start, piece.Depth, from, panelStride);
        else GemmPack512.CopyRows(a.At(first, start + piece.Start), a.Stride, piece.Depth, from, panelStride, Rounds);
    }

    void Pack(in GemmOperand source, long first, int count, int width, long start, int depth, float* panel)
    {
        if (_bf16 is not null) _bf16.Panel(source, first, count, width, start, depth, panel);
        else GemmPack<F32x8>.Panel(source, first, count, width, start, depth, panel, Rounds);
    }

    public override void Multiply(TileCall* tile, int rows, int columns)
    {
        int vectors = Vectors(columns), last = columns - (vectors - 1) * _format.Lanes;
        tile->IsMasked = 0;
        if (last < _format.Lanes) SetMask(tile, last);
        // A tile takes about a microsecond, allocates nothing and never waits, so that the garbage collector can wait for it.
        ((delegate* unmanaged[SuppressGCTransition]<TileCall*, void>)_routines[Index(rows, vectors)])(tile);
    }

    void SetMask(TileCall* tile, int last)
    {
        tile->IsMasked = 1;
        if (_format.HasMaskRegisters) tile->Mask[0] = (1 << last) - 1;
        else
            for (int lane = 0; lane < _format.Lanes; lane++) tile->Mask[lane] = lane < last ? -1 : 0;
    }

    int Vectors(int columns) => columns + _format.Lanes - 1 >> _lanesShift;

    static int Index(int rows, int vectors) => (rows - 1) * TileFormat.Vectors + vectors - 1;

    /// <summary>Tiles of a format that this processor has; null where executable memory is refused.</summary>
    /// <param name="float32">The tiles beside those of bfloat16.</param>
    public static EmittedGemmKernel? Create(TileFormat format, CodeLoader load, EmittedGemmKernel? float32 = null)
    {
        var code = new List<byte>();
        var routines = new nint[format.Rows * TileFormat.Vectors];
        for (int rows = 1; rows <= format.Rows; rows++)
            for (int vectors = 1; vectors <= TileFormat.Vectors; vectors++)
            {
                while (code.Count % CodeAlignment != 0) code.Add(Int3);
                routines[Index(rows, vectors)] = code.Count;
                code.AddRange(TileEmitter.Emit(format, rows, vectors, OperatingSystem.IsWindows()));
            }
        nint memory = load(code.ToArray());
        Bf16Packer? bf16 = format.StepsPerWord == 2 ? Bf16Packer.Create(load) : null;
        if (memory == 0 || (format.StepsPerWord == 2 && bf16 is null)) return null;
        for (int i = 0; i < routines.Length; i++) routines[i] += memory;
        return new(format, routines, bf16, float32);
    }
}
