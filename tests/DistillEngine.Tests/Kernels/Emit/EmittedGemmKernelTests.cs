using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

public unsafe class EmittedGemmKernelTests
{
    public static TheoryData<CpuIsa, ComputePrecision> Kernels => new()
    {
        { CpuIsa.Avx2, ComputePrecision.F32 }, { CpuIsa.Avx512, ComputePrecision.F32 },
        { CpuIsa.Avx2, ComputePrecision.Bf16 }, { CpuIsa.Avx512Bf16, ComputePrecision.Bf16 },
    };

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Multiply_OnEveryShapeOfTile_EqualsTheOracleAndTouchesNothingElse(CpuIsa isa, ComputePrecision precision)
    {
        CpuVariants.SkipWhereImpossible(isa);
        GemmKernel kernel = GemmKernel.For<F32x8>(isa, precision);
        foreach (int depth in new[] { 1, 3, 4, 5, 11 })
            for (int rows = 1; rows <= kernel.Rows; rows++)
                for (int columns = 1; columns <= kernel.Columns; columns++)
                    foreach (bool add in new[] { false, true })
                        AssertTile(kernel, precision, rows, columns, depth, add);
    }

    static void AssertTile(GemmKernel kernel, ComputePrecision precision, int rows, int columns, int depth, bool add)
    {
        using var host = new HostTensors(seed: rows * 1000 + columns * 10 + depth);
        Tensor a = host.Random("a", new(rows, depth)), b = host.Random("b", new(columns, depth));
        Tensor packedA = host.Empty("packed a", new(depth, kernel.Rows)), packedB = host.Empty("packed b", new(depth, kernel.Columns));
        if (precision == ComputePrecision.Bf16)
            foreach (Tensor factor in new[] { a, b }) Bf16.RoundInPlace(factor.HostPointer<float>(), factor.Count);
        int words = (depth + kernel.StepsPerWord - 1) / kernel.StepsPerWord;
        // A margin of NaN on every side; rows lie apart.
        int stride = columns + 5;
        Tensor c = host.Empty("c", new(rows + 2, stride));
        Span<float> values = c.HostSpan<float>();
        if (add)
            for (int row = 0; row < rows; row++) values.Slice((row + 1) * stride + 2, columns).Fill(1);

        kernel.PackRows(GemmOperand.OfLines(a.HostPointer<float>(), depth), 0, rows, 0, depth, packedA.HostPointer<float>());
        kernel.PackColumns(GemmOperand.OfLines(b.HostPointer<float>(), depth), 0, columns, 0, depth, packedB.HostPointer<float>());
        var tile = new TileCall
        {
            A = packedA.HostPointer<float>(),
            B = packedB.HostPointer<float>(),
            C = c.HostPointer<float>() + stride + 2,
            StrideBytes = sizeof(float) * stride,
            Words = words,
            Store = add ? TileStore.Add : TileStore.Overwrite,
        };
        kernel.Multiply(&tile, rows, columns);

        for (int row = -1; row <= rows; row++)
            for (int column = -2; column < columns + 3; column++)
            {
                float got = values[(row + 1) * stride + 2 + column];
                if (row < 0 || row == rows || column < 0 || column >= columns)
                {
                    Assert.True(float.IsNaN(got), $"{rows} × {columns}: ({row}, {column}) is written");
                    continue;
                }
                double expected = add ? 1 : 0, magnitude = expected;
                for (int k = 0; k < depth; k++)
                {
                    double term = (double)a.HostSpan<float>()[row * depth + k] * b.HostSpan<float>()[column * depth + k];
                    expected += term;
                    magnitude += Math.Abs(term);
                }
                Assert.True(Math.Abs(got - expected) <= Tolerance.Sum(depth) * Tolerance.Epsilon * magnitude,
                    $"{rows} × {columns}, {depth} steps, add {add}: ({row}, {column}) is {got:G9}, expected {expected:G9}");
            }
        Assert.True(host.GuardsAreIntact());
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Multiply_WithLinesToAskFor_AsksForThemRunByRunAndForNoMore(CpuIsa isa, ComputePrecision precision)
    {
        CpuVariants.SkipWhereImpossible(isa);
        GemmKernel kernel = GemmKernel.For<F32x8>(isa, precision);
        using var host = new HostTensors(seed: 1);
        const int words = 32;
        Tensor a = host.Random("a", new(words, kernel.Rows)), b = host.Random("b", new(words, kernel.Columns));
        Tensor c = host.Empty("c", new(kernel.Rows, kernel.Columns)), source = host.Random("source", new(400, 100));
        // Runs of three lines; nothing, fewer than the tile has iterations, some of what is left, and many an iteration.
        foreach (var (runs, lines) in new[] { (0, 0), (1, 3), (5, 14), (300, 900) })
        {
            var tile = new TileCall
            {
                A = a.HostPointer<float>(),
                B = b.HostPointer<float>(),
                C = c.HostPointer<float>(),
                StrideBytes = sizeof(float) * kernel.Columns,
                Words = words,
                Ahead = new(GemmOperand.OfSteps(source.HostPointer<float>(), 100), 0, 48, 0, runs) { Lines = lines },
            };
            GemmPrefetch expected = tile.Ahead;
            expected.Ask(lines);
            kernel.Multiply(&tile, kernel.Rows, kernel.Columns);
            Assert.Equal((nint)expected.Line, (nint)tile.Ahead.Line);
            Assert.Equal(expected.InRun, tile.Ahead.InRun);
            Assert.Equal(3 * runs - lines, tile.Ahead.Left);
        }
    }

    [Fact]
    public void EmittedCode_IsNeverWritableAndExecutableAtOnce()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Only Linux lists its mappings.");
        CpuVariants.SkipWhereImpossible(CpuIsa.Avx2);
        byte[] code = [0x90, 0xC3]; // nop; ret
        nint address = ExecutableMemory.Load(code);
        Assert.Equal(code, new ReadOnlySpan<byte>((void*)address, code.Length).ToArray());
        string mapping = Assert.Single(File.ReadLines("/proc/self/maps"), line => Contains(line, address));
        Assert.Equal("r-xp", mapping.Split(' ')[1]);

        static bool Contains(string line, nint address)
        {
            string[] bounds = line.Split(' ')[0].Split('-');
            return Convert.ToInt64(bounds[0], 16) <= address && address < Convert.ToInt64(bounds[1], 16);
        }
    }
}
