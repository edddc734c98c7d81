using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>Products of bfloat16 operands, by instructions of the processor or emulated.</summary>
public class Bf16MatMulTests
{
    /// <summary>Rows of a forward product from which on it takes bfloat16 operands.</summary>
    const int ManyRows = RowProducts<F32x8>.MaxRows + 1;

    /// <summary>Likewise inputs.</summary>
    const int ManyInputs = MatMulCpu<F32x8>.MaxNarrowInputs + 1;

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsasAndThreads), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OnEverySize_EqualTheOracle(CpuIsa isa, int threads)
    {
        using var pool = new ComputePool(threads);
        MatMul op = MatMulTests.Create(isa, pool, ComputePrecision.Bf16);
        foreach (var (rows, inputs, outputs) in MatMulTests.Sizes)
            foreach (Into into in new[] { Into.Overwrite, Into.Add })
                using (var problem = Problem(rows, inputs, outputs, into))
                {
                    problem.Run(op);
                    problem.AssertEqualsOracle($"{rows} × {inputs} → {outputs}, {into}");
                }
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OnIntegers_AreExact(CpuIsa isa)
    {
        // Up to 256 they are bfloat16 numbers; sums stay below 2²⁴.
        using var pool = new ComputePool(2);
        foreach (var (rows, inputs, outputs) in new[] { (19, 67, 35), (40, 1025, 50) })
        {
            using var problem = Problem(rows, inputs, outputs, Into.Overwrite);
            problem.Round(value => (float)Math.Clamp(Math.Round(value * 20), -64, 64));
            problem.Run(MatMulTests.Create(isa, pool, ComputePrecision.Bf16));
            problem.AssertEqualsExactly();
        }
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OnAnyThreadCount_GiveTheSameBits(CpuIsa isa)
    {
        float[][]? expected = null;
        for (int threads = 1; threads <= 3; threads++)
        {
            using var pool = new ComputePool(threads);
            using var problem = Problem(37, 291, 390, Into.Overwrite);
            problem.Run(MatMulTests.Create(isa, pool, ComputePrecision.Bf16));
            expected ??= problem.Results;
            Assert.Equal(expected, problem.Results);
        }
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Forward_OfARowAmongOthers_GivesTheSameBits(CpuIsa isa)
    {
        using var host = new HostTensors(seed: 3);
        using var pool = new ComputePool(1);
        MatMul op = MatMulTests.Create(isa, pool, ComputePrecision.Bf16);
        Tensor x = host.Random("x", new(40, 71)), all = host.Empty("y", new(40, 37)), some = host.Empty("y", new(ManyRows, 37));
        var w = new Weight(host.Random("w", new(37, 71)));
        op.Forward(x, w, Into.Overwrite, all);
        op.Forward(x.First(ManyRows), w, Into.Overwrite, some);
        Assert.Equal(all.First(ManyRows).HostSpan<float>(), some.HostSpan<float>());
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Forward_OfFewRowsOrInputs_IsThatOfFloat32(CpuIsa isa)
    {
        using var host = new HostTensors(seed: 4);
        using var pool = new ComputePool(1);
        foreach (var (rows, inputs, isFloat32) in new[] { (ManyRows - 1, ManyInputs, true), (ManyRows, ManyInputs - 1, true), (ManyRows, ManyInputs, false) })
        {
            Tensor x = host.Random("x", new(rows, inputs)), y = host.Empty("y", new(rows, 30)), expected = host.Empty("y", y.Shape);
            var w = new Weight(host.Random("w", new(30, inputs)));
            MatMulTests.Create(isa, pool, ComputePrecision.Bf16).Forward(x, w, Into.Overwrite, y);
            MatMulTests.Create(isa, pool).Forward(x, w, Into.Overwrite, expected);
            Assert.Equal(isFloat32, expected.HostSpan<float>().SequenceEqual(y.HostSpan<float>()));
        }
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Forward_OnWhatIsNoNumber_SpoilsItsRowAlone(CpuIsa isa)
    {
        using var host = new HostTensors(seed: 5);
        using var pool = new ComputePool(1);
        foreach (int inputs in new[] { ManyInputs, ManyInputs + 1 })
            foreach (float bad in new[] { float.NaN, BitConverter.UInt32BitsToSingle(0x7F80_0001), float.PositiveInfinity })
            {
                Tensor x = host.Random("x", new(20, inputs)), y = host.Empty("y", new(20, 30));
                x.HostSpan<float>()[7 * inputs + inputs - 1] = bad;
                MatMulTests.Create(isa, pool, ComputePrecision.Bf16).Forward(x, new Weight(host.Random("w", new(30, inputs))), Into.Overwrite, y);
                for (int i = 0; i < 20 * 30; i++) Assert.Equal(i / 30 != 7, float.IsFinite(y.HostSpan<float>()[i]));
            }
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_AfterWarmUp_AllocateNothing(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        using var problem = Problem(18, 20, 24, Into.Add);
        MatMul op = MatMulTests.Create(isa, pool, ComputePrecision.Bf16);
        problem.Run(op);
        Assert.Equal(0, Allocations.Of(() => problem.Run(op)));
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Name_OfABackend_TellsWhetherTheProcessorMultipliesBf16(CpuIsa isa)
    {
        CpuVariants.SkipWhereImpossible(isa);
        using CpuBackend plain = new(isa, threads: 1), rounded = new(isa, threads: 1, ComputePrecision.Bf16);
        Assert.Equal($"cpu/{CpuIsas.Name(isa)}", plain.Name);
        Assert.Equal($"cpu/{CpuIsas.Name(isa)}+{(isa == CpuIsa.Avx512Bf16 ? "bf16" : "bf16-emulated")}", rounded.Name);
        Assert.Equal((ComputePrecision.F32, ComputePrecision.Bf16), (plain.Precision, rounded.Precision));
    }

    static RoundedProduct Problem(int rows, int inputs, int outputs, Into into) =>
        new(rows, inputs, outputs, into, ComputePrecision.Bf16, ManyRows, ManyInputs);
}
