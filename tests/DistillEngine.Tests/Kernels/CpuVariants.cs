using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>What the CPU kernels exist in: every width, whether this processor accelerates it or not, and the emitted products.</summary>
static class CpuVariants
{
    /// <summary>Every width of the portable kernels.</summary>
    public static TheoryData<CpuIsa> Isas => [.. CpuIsas.Widths];

    /// <summary>Every width and everything emitted, for ops that multiply matrices; <see cref="SkipWhereImpossible"/> leaves out the rest.</summary>
    public static TheoryData<CpuIsa> ProductIsas => [.. CpuIsas.All];

    public static TheoryData<CpuIsa, int> ProductIsasAndThreads =>
        [.. from isa in CpuIsas.All from threads in new[] { 1, 2, 3 } select (isa, threads)];

    public static void SkipWhereImpossible(CpuIsa isa)
    {
        if (CpuIsas.Obstacle(isa) is { } obstacle) Assert.Skip($"{CpuIsas.Name(isa)} cannot run here: {obstacle}.");
    }

    /// <summary>The products of an ISA; skips the test where they cannot run.</summary>
    internal static Gemm Gemm<TVector>(CpuIsa isa, ComputePool pool, ComputePrecision precision = ComputePrecision.F32) where TVector : struct,
        IVectorF32<TVector>
    {
        SkipWhereImpossible(isa);
        return new(pool, GemmKernel.For<TVector>(isa, precision));
    }

    /// <summary>Lengths around every vector width and its multiples, where tails go wrong.</summary>
    public static int[] EdgeLengths => [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 130];

    public static TOp Create<TOp>(CpuIsa isa, Func<TOp> scalar, Func<TOp> vector128, Func<TOp> vector256, Func<TOp> vector512) => CpuIsas.Width(isa) switch
    {
        CpuIsa.Scalar => scalar(),
        CpuIsa.Vector128 => vector128(),
        CpuIsa.Vector256 => vector256(),
        _ => vector512(),
    };
}
