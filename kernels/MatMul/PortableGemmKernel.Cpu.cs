using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>The tile that the runtime compiles, on any processor.</summary>
/// <param name="rounds">Whether operands are rounded to bfloat16 as they are packed.</param>
sealed unsafe class PortableGemmKernel<TVector>(bool rounds) : GemmKernel where TVector : struct, IVectorF32<TVector>
{
    public override GemmKernel Float32 => rounds ? new PortableGemmKernel<TVector>(rounds: false) { Caches = Caches } : this;

    public override int Rows => GemmTile<TVector>.Rows;

    public override int Columns => GemmTile<TVector>.Columns;

    public override int Lanes => TVector.Count;

    public override int PanelRows(int rows) => GemmTile<TVector>.Rows;

    public override int PanelColumns(int columns) => GemmTile<TVector>.Columns;

    public override void PackRows(in GemmOperand a, long first, int count, long start, int depth, float* panel) =>
        GemmPack<TVector>.Panel(a, first, count, GemmTile<TVector>.Rows, start, depth, panel, rounds);

    public override void PackColumns(in GemmOperand b, long first, int count, long start, int depth, float* panel) =>
        GemmPack<TVector>.Panel(b, first, count, GemmTile<TVector>.Columns, start, depth, panel, rounds);

    public override void Multiply(TileCall* tile, int rows, int columns)
    {
        long stride = tile->StrideBytes / sizeof(float);
        tile->Ahead.AskForResult(stride);
        tile->Ahead.Ask(tile->Ahead.Lines);
        Into into = tile->Store == TileStore.Add ? Into.Add : Into.Overwrite;
        if (rows == GemmTile<TVector>.Rows && columns == GemmTile<TVector>.Columns)
            GemmTile<TVector>.Multiply(tile->A, tile->B, (int)tile->Words, into, tile->C, stride);
        else Edge(tile->A, tile->B, (int)tile->Words, into, tile->C, stride, rows, columns);
    }

    /// <summary>A tile of which only some rows and columns exist.</summary>
    [SkipLocalsInit]
    static void Edge(float* a, float* b, int depth, Into into, float* c, long stride, int rows, int columns)
    {
        float* tile = stackalloc float[GemmTile<TVector>.Rows * GemmTile<TVector>.Columns];
        GemmTile<TVector>.Multiply(a, b, depth, Into.Overwrite, tile, GemmTile<TVector>.Columns);
        for (int row = 0; row < rows; row++, c += stride, tile += GemmTile<TVector>.Columns)
            for (int column = 0; column < columns; column++)
                c[column] = into == Into.Add ? c[column] + tile[column] : tile[column];
    }
}
