using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>Every width the CPU kernels exist in, whether this processor accelerates it or not.</summary>
static class CpuVariants
{
    public static TheoryData<CpuIsa> Isas => [.. CpuIsas.All];

    /// <summary>Lengths around every vector width and its multiples, where tails go wrong.</summary>
    public static int[] EdgeLengths => [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 130];

    public static TOp Create<TOp>(CpuIsa isa, Func<TOp> scalar, Func<TOp> vector128, Func<TOp> vector256, Func<TOp> vector512) => isa switch
    {
        CpuIsa.Scalar => scalar(),
        CpuIsa.Vector128 => vector128(),
        CpuIsa.Vector256 => vector256(),
        _ => vector512(),
    };
}
