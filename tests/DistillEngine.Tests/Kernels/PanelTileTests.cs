using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public unsafe class PanelTileTests
{
    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Theory]
    [MemberData(nameof(Isas))]
    public void Multiply_OfThePanelsRows_EqualsTheOracleAndTouchesNothingElse(CpuIsa isa) =>
        Run(isa, RowsOf<F32x1>, RowsOf<F32x4>, RowsOf<F32x8>, RowsOf<F32x16>);

    [Theory]
    [MemberData(nameof(Isas))]
    public void Multiply_OfThePanelsColumns_EqualsTheOracleAndTouchesNothingElse(CpuIsa isa) =>
        Run(isa, ColumnsOf<F32x1>, ColumnsOf<F32x4>, ColumnsOf<F32x8>, ColumnsOf<F32x16>);

    static void Run(CpuIsa isa, Action scalar, Action vector128, Action vector256, Action vector512) =>
        CpuVariants.Create(isa, () => scalar, () => vector128, () => vector256, () => vector512)();

    static void RowsOf<TVector>() where TVector : struct, IVectorF32<TVector>
    {
        int most = PanelTile<TVector>.Columns;
        foreach (int words in new[] { 1, Math.Min(3, most), most })
            foreach (int rows in new[] { 1, 2, 3, 4, 5, 11 })
                for (int columns = 1; columns <= most; columns++)
                    AssertProduct<TVector>(PanelAxis.Rows, rows, columns, words, add: columns % 2 == 0);
    }

    static void ColumnsOf<TVector>() where TVector : struct, IVectorF32<TVector>
    {
        int most = PanelTile<TVector>.Columns;
        foreach (int words in new[] { 1, 4, 19 })
            for (int rows = 1; rows <= most; rows++)
                foreach (int columns in new[] { 1, most / 2, most / 2 + 1, most })
                    AssertProduct<TVector>(PanelAxis.Columns, rows, columns, words, add: rows % 2 == 0);
    }

    static void AssertProduct<TVector>(PanelAxis left, int rows, int columns, int words, bool add) where TVector : struct, IVectorF32<TVector>
    {
        int panel = PanelTile<TVector>.Columns, leftRows = left == PanelAxis.Rows ? rows : words;
        using var host = new HostTensors(seed: rows * 1000 + columns * 10 + words);
        // The slack behind the factors is NaN: it may be read, but nothing may come of it.
        Tensor a = host.Empty("a", new(leftRows * panel + PanelTile<TVector>.Slack)), b = host.Empty("b", new(words * panel + PanelTile<TVector>.Slack));
        Tensor numbers = host.Random("numbers", new(leftRows, panel));
        numbers.HostSpan<float>().CopyTo(a.HostSpan<float>());
        host.Random("numbers", new(words, panel)).HostSpan<float>().CopyTo(b.HostSpan<float>());
        // A margin of NaN on every side; rows lie apart.
        int stride = columns + 5;
        Tensor c = host.Empty("c", new(rows + 2, stride));
        Span<float> values = c.HostSpan<float>();
        if (add)
            for (int row = 0; row < rows; row++) values.Slice((row + 1) * stride + 2, columns).Fill(1);
        ReadOnlySpan<float> leftValues = a.HostSpan<float>(), rightValues = b.HostSpan<float>();
        PanelPrefetch nothing = default;
        PanelTile<TVector>.Multiply(left, a.HostPointer<float>(), b.HostPointer<float>(), rows, columns, words, add, c.HostPointer<float>() + stride + 2,
            stride, ref nothing);

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
                    float factor = leftValues[left == PanelAxis.Rows ? row * panel + k : k * panel + row];
                    double term = (double)factor * rightValues[k * panel + column];
                    expected += term;
                    magnitude += Math.Abs(term);
                }
                if (!(Math.Abs(got - expected) <= Tolerance.Sum(words) * Tolerance.Epsilon * magnitude))
                    Assert.Fail($"{left}, {rows} × {columns}, {words} words, add {add}: ({row}, {column}) is {got:G9}, expected {expected:G9}");
            }
        Assert.True(host.GuardsAreIntact());
    }
}
