namespace DistillEngine.Kernels;

/// <summary>Tiles of machine code, as those of matrix products; the code is written once a process.</summary>
sealed unsafe class EmittedPanelKernel : PanelKernel
{
    static readonly Lazy<EmittedPanelKernel?> Avx2 = new(() => Create(TileFormat.Avx2)), Avx512 = new(() => Create(TileFormat.Avx512));

    readonly TileRoutines _ofRows, _ofColumns;

    EmittedPanelKernel(TileFormat format, TileRoutines ofRows, TileRoutines ofColumns) =>
        (Lanes, Rows, _ofRows, _ofColumns) = (format.Lanes, format.Rows, ofRows, ofColumns);

    /// <summary>The float32 tiles of an ISA; null where they cannot run.</summary>
    public static EmittedPanelKernel? Of(CpuIsa isa) => isa switch
    {
        CpuIsa.Avx2 => Avx2.Value,
        CpuIsa.Avx512 or CpuIsa.Avx512Bf16 => Avx512.Value,
        _ => null,
    };

    public override int Rows { get; }

    public override int Lanes { get; }

    public override void Multiply(TileLeft left, float* a, float* b, int rows, int columns, int words, bool add, float* c, long stride, ref PanelPrefetch ahead)
    {
        if (left == TileLeft.PanelRows) _ofRows.MultiplyRows(a, Columns, b, rows, columns, words, add, c, stride, ref ahead);
        else _ofColumns.MultiplyRows(a, 1, b, rows, columns, words, add, c, stride, ref ahead);
    }

    static EmittedPanelKernel? Create(TileFormat format) =>
        TileRoutines.Create(format, TileLeft.PanelRows) is { } ofRows && TileRoutines.Create(format, TileLeft.PanelColumns) is { } ofColumns
            ? new(format, ofRows, ofColumns) : null;
}
