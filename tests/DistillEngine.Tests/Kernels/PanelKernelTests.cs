using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public unsafe class PanelKernelTests
{
    public static TheoryData<CpuIsa> Isas => CpuVariants.ProductIsas;

    [Theory]
    [MemberData(nameof(Isas))]
    public void Multiply_OfThePanelsRows_EqualsTheOracleAndTouchesNothingElse(CpuIsa isa)
    {
        PanelKernel kernel = Create(isa);
        foreach (int words in new[] { 1, Math.Min(3, kernel.Columns), kernel.Columns })
            foreach (int rows in new[] { 1, 2, 3, 4, 5, kernel.Rows, kernel.Rows + 1, 3 * kernel.Rows - 1 })
                for (int columns = 1; columns <= kernel.Columns; columns++)
                    AssertProduct(kernel, TileLeft.PanelRows, rows, columns, words, add: columns % 2 == 0);
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Multiply_OfThePanelsColumns_EqualsTheOracleAndTouchesNothingElse(CpuIsa isa)
    {
        PanelKernel kernel = Create(isa);
        foreach (int words in new[] { 1, 4, 19 })
            for (int rows = 1; rows <= kernel.Columns; rows++)
                foreach (int columns in new[] { 1, Math.Max(1, kernel.Lanes - 1), kernel.Lanes, Math.Min(kernel.Lanes + 1, kernel.Columns), kernel.Columns })
                    AssertProduct(kernel, TileLeft.PanelColumns, rows, columns, words, add: rows % 2 == 0);
    }

    static void AssertProduct(PanelKernel kernel, TileLeft left, int rows, int columns, int words, bool add)
    {
        int panel = kernel.Columns, leftRows = left == TileLeft.PanelRows ? rows : words;
        using var host = new HostTensors(seed: rows * 1000 + columns * 10 + words);
        // The slack behind the left factor is NaN: it may be read, but nothing may come of it.
        Tensor a = host.Empty("a", new(leftRows * panel + PanelKernel.Slack)), b = host.Random("b", new(words, panel));
        Tensor numbers = host.Random("numbers", new(leftRows, panel));
        numbers.HostSpan<float>().CopyTo(a.HostSpan<float>());
        // A margin of NaN on every side; rows lie apart.
        int stride = columns + 5;
        Tensor c = host.Empty("c", new(rows + 2, stride));
        Span<float> values = c.HostSpan<float>();
        if (add)
            for (int row = 0; row < rows; row++) values.Slice((row + 1) * stride + 2, columns).Fill(1);
        ReadOnlySpan<float> leftValues = a.HostSpan<float>(), rightValues = b.HostSpan<float>();
        PanelPrefetch nothing = default;
        kernel.Multiply(left, a.HostPointer<float>(), b.HostPointer<float>(), rows, columns, words, add, c.HostPointer<float>() + stride + 2, stride, ref nothing);

        for (int row = -1; row <= rows; row++)
            for (int column = -2; column < columns + 3; column++)
            {
                float got = values[(row + 1) * stride + 2 + column];
                if (row < 0 || row == rows || column < 0 || column >= columns)
                {
                    if (!float.IsNaN(got)) Assert.Fail($"{left}, {rows} × {columns}: ({row}, {column}) is written");
                    continue;
                }
                double expected = add ? 1 : 0, magnitude = expected;
                for (int k = 0; k < words; k++)
                {
                    float factor = leftValues[left == TileLeft.PanelRows ? row * panel + k : k * panel + row];
                    double term = (double)factor * rightValues[k * panel + column];
                    expected += term;
                    magnitude += Math.Abs(term);
                }
                if (!(Math.Abs(got - expected) <= Tolerance.Sum(words) * Tolerance.Epsilon * magnitude))
                    Assert.Fail($"{left}, {rows} × {columns}, {words} words, add {add}: ({row}, {column}) is {got:G9}, expected {expected:G9}");
            }
        Assert.True(host.GuardsAreIntact());
    }

    static PanelKernel Create(CpuIsa isa)
    {
        CpuVariants.SkipWhereImpossible(isa);
        return CpuVariants.Create(isa, () => PanelKernel.For<F32x1>(isa), () => PanelKernel.For<F32x4>(isa),
            () => PanelKernel.For<F32x8>(isa), () => PanelKernel.For<F32x16>(isa));
    }
}
