namespace DistillEngine.Kernels;

/// <summary>Products of bfloat16 operands where the processor has no instruction for them: float32 tiles over rounded panels. The product
/// of two bfloat16 is exact in float32, so only the order of the sums differs from such instructions.</summary>
sealed unsafe class RoundedGemmKernel(GemmKernel inner) : GemmKernel
{
    public override GemmKernel Float32 => inner;

    public override int Rows => inner.Rows;

    public override int Columns => inner.Columns;

    public override int Lanes => inner.Lanes;

    public override int RowBlock => inner.RowBlock;

    public override int PanelRows(int rows) => inner.PanelRows(rows);

    public override int PanelColumns(int columns) => inner.PanelColumns(columns);

    public override void PackRows(in GemmOperand a, long first, int count, long start, int depth, float* panel)
    {
        inner.PackRows(a, first, count, start, depth, panel);
        Bf16.RoundInPlace(panel, (long)depth * PanelRows(count));
    }

    public override void PackRowPanels(in GemmOperand a, long first, int count, long start, in GemmPiece piece, float* panels, long panelStride)
    {
        inner.PackRowPanels(a, first, count, start, piece, panels, panelStride);
        for (int row = 0; row < count; row += Rows, panels += panelStride)
        {
            int width = PanelRows(Math.Min(Rows, count - row));
            Bf16.RoundInPlace(panels + (long)piece.Start * width, (long)piece.Depth * width);
        }
    }

    public override void PackColumns(in GemmOperand b, long first, int count, long start, int depth, float* panel)
    {
        inner.PackColumns(b, first, count, start, depth, panel);
        Bf16.RoundInPlace(panel, (long)depth * PanelColumns(count));
    }

    public override void Multiply(float* a, float* b, int rows, int columns, int words, bool add, float* c, long stride, ref GemmPrefetch ahead) =>
        inner.Multiply(a, b, rows, columns, words, add, c, stride, ref ahead);
}
