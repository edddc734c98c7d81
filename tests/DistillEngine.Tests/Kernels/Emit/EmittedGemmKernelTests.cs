using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

public unsafe class EmittedGemmKernelTests
{
    public static TheoryData<CpuIsa> Isas => [CpuIsa.Avx2, CpuIsa.Avx512];

    [Theory]
    [MemberData(nameof(Isas))]
    public void Multiply_OnEveryShapeOfTile_EqualsTheOracleAndTouchesNothingElse(CpuIsa isa)
    {
        CpuVariants.SkipWhereImpossible(isa);
        GemmKernel kernel = GemmKernel.For<F32x8>(isa);
        foreach (int words in new[] { 1, 3, 4, 5, 11 })
            for (int rows = 1; rows <= kernel.Rows; rows++)
                for (int columns = 1; columns <= kernel.Columns; columns++)
                    foreach (bool add in new[] { false, true })
                        AssertTile(kernel, rows, columns, words, add);
    }

    static void AssertTile(GemmKernel kernel, int rows, int columns, int words, bool add)
    {
        using var host = new HostTensors(seed: rows * 1000 + columns * 10 + words);
        Tensor a = host.Random("a", new(rows, words)), b = host.Random("b", new(columns, words));
        Tensor packedA = host.Empty("packed a", new(words, kernel.Rows)), packedB = host.Empty("packed b", new(words, kernel.Columns));
        // A margin of NaN on every side; rows lie apart.
        int stride = columns + 5;
        Tensor c = host.Empty("c", new(rows + 2, stride));
        Span<float> values = c.HostSpan<float>();
        if (add)
            for (int row = 0; row < rows; row++) values.Slice((row + 1) * stride + 2, columns).Fill(1);

        kernel.PackRows(GemmOperand.OfLines(a.HostPointer<float>(), words), 0, rows, 0, words, packedA.HostPointer<float>());
        kernel.PackColumns(GemmOperand.OfLines(b.HostPointer<float>(), words), 0, columns, 0, words, packedB.HostPointer<float>());
        kernel.Multiply(packedA.HostPointer<float>(), packedB.HostPointer<float>(), rows, columns, words, add, c.HostPointer<float>() + stride + 2, stride);

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
                for (int k = 0; k < words; k++)
                {
                    double term = (double)a.HostSpan<float>()[row * words + k] * b.HostSpan<float>()[column * words + k];
                    expected += term;
                    magnitude += Math.Abs(term);
                }
                Assert.True(Math.Abs(got - expected) <= Tolerance.Sum(words) * Tolerance.Epsilon * magnitude,
                    $"{rows} × {columns}, {words} words, add {add}: ({row}, {column}) is {got:G9}, expected {expected:G9}");
            }
        Assert.True(host.GuardsAreIntact());
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
