namespace DistillEngine.Kernels;

/// <summary>
/// How <see cref="Gemm"/> multiplies on this processor: the shape of a tile, the packed form of both factors, and the tile's routine. The
/// driver stays the same for all of them. Panels consist of 4-byte words, [words of the contracted axis, lines of the panel].
/// </summary>
abstract unsafe class GemmKernel
{
    /// <summary>Row panels that are packed together: four of 12 rows are three cache lines of a step.</summary>
    public const int PanelGroup = 4;

    // More steps that lie a multiple of 4 KiB apart would throw each other out of the first cache; fewer cost as much to begin as to copy.
    const int PanelSteps = 16;

    /// <summary>The emitted tiles where the ISA has them, else the portable ones of a width.</summary>
    /// <exception cref="NotSupportedException">This machine cannot run the emitted tiles.</exception>
    /// <param name="code">Where the emitted ones come from; null takes <see cref="EmittedCode.Machine"/>.</param>
    public static GemmKernel For<TVector>(CpuIsa isa, ComputePrecision precision = ComputePrecision.F32, EmittedCode? code = null)
        where TVector : struct, IVectorF32<TVector>
    {
        code ??= EmittedCode.Machine;
        bool rounds = precision == ComputePrecision.Bf16;
        if (!CpuIsas.IsEmitted(isa)) return new PortableGemmKernel<TVector>(rounds);
        if (rounds && CpuIsas.HasBf16(isa)) return code.Bf16() ?? throw Refusal(isa, code);
        EmittedGemmKernel tiles = code.Float32(isa) ?? throw Refusal(isa, code);
        return rounds ? tiles.WithRoundedOperands() : tiles;
    }

    static NotSupportedException Refusal(CpuIsa isa, EmittedCode code) => new($"{CpuIsas.Name(isa)} cannot run here: {code.Obstacle(isa)}.");

    /// <summary>The tiles that take the same operands unrounded; itself where it does.</summary>
    public virtual GemmKernel Float32 => this;

    /// <summary>Rows of a full tile.</summary>
    public abstract int Rows { get; }

    /// <summary>Columns of a full tile.</summary>
    public abstract int Columns { get; }

    /// <summary>Multiply-adds of one instruction.</summary>
    public abstract int Lanes { get; }

    /// <summary>Steps of the contracted axis that a word holds.</summary>
    public virtual int StepsPerWord => 1;

    /// <summary>The caches that its blocks are cut for.</summary>
    public ProcessorCaches Caches { get; init; } = ProcessorCaches.Machine;

    /// <summary>Bytes of packed rows that stay in the second cache while the columns pass: of 1 MiB 576 KiB.</summary>
    public virtual long RowBlockBytes => Caches.Second.Bytes * 9 / 16;

    /// <summary>Rows that are packed as a block: whole groups of panels, at least one. An element's bits do not depend on it.</summary>
    /// <param name="words">Words of a packed row.</param>
    public int RowBlock(int words)
    {
        int group = PanelGroup * Rows;
        return (int)Math.Max(RowBlockBytes / (sizeof(float) * (long)words * group), 1) * group;
    }

    /// <summary>Whether packed columns that the next tiles need are asked for, in whatever cache they are: else the processor foresees them.</summary>
    public virtual bool AsksForPackedColumns => false;

    /// <summary>Lines of a packed panel that holds so many rows.</summary>
    public abstract int PanelRows(int rows);

    /// <summary>Lines of a packed panel that holds so many columns.</summary>
    public abstract int PanelColumns(int columns);

    /// <summary>Packs rows of the left factor, at most <see cref="Rows"/>.</summary>
    public abstract void PackRows(in GemmOperand a, long first, int count, long start, int depth, float* panel);

    /// <summary>Packs rows of the left factor into panels one after the other. Where a step of all rows is contiguous, few steps of every panel
    /// at a time: else a cache line that two panels share would come and go twice, and steps a multiple of 4 KiB apart would throw each other
    /// out.</summary>
    /// <param name="start">First step of the block that the panels hold.</param>
    /// <param name="piece">Its steps that are packed now.</param>
    /// <param name="panelStride">Words from a full panel to the next.</param>
    public virtual void PackRowPanels(in GemmOperand a, long first, int count, long start, in GemmPiece piece, float* panels, long panelStride)
    {
        int end = piece.Start + piece.Depth, most = a.LinesAreContiguous ? piece.Depth : PanelSteps;
        for (int step = piece.Start; step < end; step += most)
            for (int row = 0; row < count; row += Rows)
            {
                int rows = Math.Min(Rows, count - row);
                PackRows(a, first + row, rows, start + step, Math.Min(most, end - step),
                    panels + row / Rows * panelStride + step / StepsPerWord * PanelRows(rows));
            }
    }

    /// <summary>Packs columns of the right factor, at most <see cref="Columns"/>.</summary>
    public abstract void PackColumns(in GemmOperand b, long first, int count, long start, int depth, float* panel);

    /// <summary>c = or += a b for so many rows and columns of a tile; nothing beyond them is touched.</summary>
    /// <param name="tile">All but the mask, which is filled in here. What to ask for moves on by what was asked for meanwhile.</param>
    public abstract void Multiply(TileCall* tile, int rows, int columns);
}
