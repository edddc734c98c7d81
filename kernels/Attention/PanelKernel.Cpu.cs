namespace DistillEngine.Kernels;

/// <summary>
/// The small products of attention, whose factors stay in the caches as panels: [rows, <see cref="Columns"/>], so wide as a tile's columns.
/// A panel is a right factor as it is, and a left one along either axis (<see cref="TileLeft"/>), so what one product writes the next one
/// reads where it lies.
/// </summary>
abstract unsafe class PanelKernel
{
    /// <summary>Elements behind the last row of a panel that may be read, and change nothing.</summary>
    public const int Slack = 128;

    /// <summary>The emitted tiles where the ISA has them, else the portable ones of a width.</summary>
    /// <exception cref="NotSupportedException">This machine cannot run the emitted tiles.</exception>
    public static PanelKernel For<TVector>(CpuIsa isa) where TVector : struct, IVectorF32<TVector>
    {
        if (!CpuIsas.IsEmitted(isa)) return new PortablePanelKernel<TVector>();
        return EmittedPanelKernel.Of(isa)
            ?? throw new NotSupportedException($"{CpuIsas.Name(isa)} cannot run here: {CpuIsas.Obstacle(isa) ?? "the system refuses executable memory"}.");
    }

    /// <summary>Rows of a tile.</summary>
    public abstract int Rows { get; }

    /// <summary>Columns of a panel: two vectors.</summary>
    public int Columns => 2 * Lanes;

    /// <summary>Lanes of a vector.</summary>
    public abstract int Lanes { get; }

    /// <summary>c = or += a b; nothing beyond the rows and columns is touched. An element's bits depend on neither.</summary>
    /// <param name="left">One of the panels.</param>
    /// <param name="a">A panel; <see cref="Slack"/> elements behind it exist.</param>
    /// <param name="b">A panel.</param>
    /// <param name="rows">Any number for the rows of a panel, at most <see cref="Columns"/> for its columns.</param>
    /// <param name="columns">1 … <see cref="Columns"/>.</param>
    /// <param name="words">Length of the contracted axis, at least 1.</param>
    /// <param name="ahead">What to ask for meanwhile.</param>
    public abstract void Multiply(TileLeft left, float* a, float* b, int rows, int columns, int words, bool add, float* c, long stride, ref PanelPrefetch ahead);

    /// <summary>Tiles of so many rows.</summary>
    public int Tiles(int rows) => (rows + Rows - 1) / Rows;
}
