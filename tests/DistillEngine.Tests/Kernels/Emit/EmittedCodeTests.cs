using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

/// <summary>Systems that refuse executable memory: none of it, all of it, or what comes after some.</summary>
public class EmittedCodeTests
{
    const int Rows = 37, Inputs = 70, Outputs = 45;

    [Theory]
    [InlineData(ComputePrecision.F32)]
    [InlineData(ComputePrecision.Bf16)]
    public void Choose_WhereMemoryIsRefusedFromSomeLoadOn_GivesABackendThatMultiplies(ComputePrecision precision)
    {
        int loads = 0;
        var all = new EmittedCode(code =>
        {
            loads++;
            return ExecutableMemory.Load(code);
        });
        CpuIsa best = CpuIsas.Choose(null, all);
        Assert.Equal(CpuIsas.Choose(null), best);
        var chosen = new List<CpuIsa>();
        for (int granted = 0; granted <= loads; granted++)
        {
            EmittedCode code = Refusing(granted);
            CpuIsa isa = CpuIsas.Choose(null, code);
            chosen.Add(isa);
            using var backend = new CpuBackend(isa, threads: 1, precision, code);
            AssertMultiplies(backend);
        }
        Assert.False(CpuIsas.IsEmitted(chosen[0]));
        Assert.Equal(best, chosen[^1]);
    }

    [Fact]
    public void Obstacle_WhereALaterLoadIsRefused_IsThatOfTheIsaThatNeedsItAlone()
    {
        CpuVariants.SkipWhereImpossible(CpuIsa.Avx512Bf16);
        int loads = 0;
        EmittedCode all = Counting(), some = Refusing(loads);
        Assert.Null(some.Obstacle(CpuIsa.Avx512));
        Assert.Contains("refuses executable memory", some.Obstacle(CpuIsa.Avx512Bf16));
        Assert.Null(all.Obstacle(CpuIsa.Avx512Bf16));

        EmittedCode Counting()
        {
            var counting = new EmittedCode(code =>
            {
                loads++;
                return ExecutableMemory.Load(code);
            });
            Assert.Null(counting.Obstacle(CpuIsa.Avx512));
            return counting;
        }
    }

    [Fact]
    public void Choose_OnANameWhoseCodeIsRefused_SaysSoInOneLine()
    {
        CpuVariants.SkipWhereImpossible(CpuIsa.Avx2);
        string message = Assert.Throws<ArgumentException>(() => CpuIsas.Choose(CpuIsas.Name(CpuIsa.Avx2), Refusing(1))).Message;
        Assert.Contains("cannot run here: the system refuses executable memory.", message);
        Assert.Contains(CpuIsas.Name(CpuIsa.Vector256), message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Obstacle_WhenAskedAgain_LoadsNothingMore()
    {
        int loads = 0;
        var code = new EmittedCode(bytes =>
        {
            loads++;
            return ExecutableMemory.Load(bytes);
        });
        foreach (CpuIsa isa in CpuIsas.All) _ = code.Obstacle(isa);
        int first = loads;
        foreach (CpuIsa isa in CpuIsas.All) _ = code.Obstacle(isa);
        Assert.Equal(first, loads);
    }

    static EmittedCode Refusing(int granted) => new(code => granted-- > 0 ? ExecutableMemory.Load(code) : 0);

    static void AssertMultiplies(CpuBackend backend)
    {
        using var host = new HostTensors(seed: 11);
        Tensor x = host.Random("x", new(Rows, Inputs)), w = host.Random("w", new(Outputs, Inputs)), y = host.Empty("y", new(Rows, Outputs));
        backend.Kernels.MatMul.Forward(x, new Weight(w), Into.Overwrite, y);
        double[] expected = MatMulReference.Forward(Doubles.Of(x), Doubles.Of(w), Rows, Inputs, Outputs);
        // Operands in bfloat16 are rounded by 2⁻⁹ of themselves.
        double unit = backend.Precision == ComputePrecision.Bf16 ? Math.ScaleB(1, -8) : Tolerance.Epsilon * Tolerance.Sum(Inputs);
        double[] bounds = [.. MatMulReference.Forward(Magnitudes(x), Magnitudes(w), Rows, Inputs, Outputs).Select(sum => unit * 1.01 * sum)];
        Tolerance.AssertWithin(y.HostSpan<float>(), expected, bounds, backend.Name);
    }

    static double[] Magnitudes(Tensor tensor) => [.. Doubles.Of(tensor).Select(Math.Abs)];
}
