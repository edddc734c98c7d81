using System.Runtime.CompilerServices;
using DistillEngine.Kernels;

namespace DistillEngine.Benchmarks;

/// <summary>The peak loops that this program has.</summary>
public static unsafe class PeakLoops
{
    // Long against the start of the threads, short against an interrupt: some milliseconds.
    const int Steps = 1_000_000;

    // Two units of four cycles' latency need eight independent sums; twelve leave slack and fit the sixteen registers of AVX2.
    const int Sums = 12;

    /// <summary>The loop of a kind, as wide as the products of an ISA, or null where there is none; <see cref="WhyMissing"/> says why.</summary>
    public static PeakLoop? Find(PeakKind kind, CpuIsa isa) => kind switch
    {
        PeakKind.Bf16 => Emitted(PeakRoutines.Bf16(isa)),
        PeakKind.Int8 => Emitted(PeakRoutines.Int8(isa)),
        _ => Emitted(PeakRoutines.Fp32(isa)) ?? CpuIsas.Width(isa) switch
        {
            CpuIsa.Scalar => Fp32<F32x1>(),
            CpuIsa.Vector128 => Fp32<F32x4>(),
            CpuIsa.Vector256 => Fp32<F32x8>(),
            _ => Fp32<F32x16>(),
        },
    };

    /// <summary>Why a kind has no loop, for a user.</summary>
    public static string WhyMissing(PeakKind kind) => kind switch
    {
        PeakKind.Bf16 => "the processor or the chosen kernels have no 512-bit bf16 dot product (AVX-512-BF16)",
        PeakKind.Int8 => "the chosen kernels multiply no bytes, as those of AVX2 and AVX-512 do",
        PeakKind.Tf32 => "the processor does not multiply it, only tensor cores of CUDA devices do",
        _ => "this program has no loop for it",
    };

    internal static PeakLoop? Emitted(PeakRoutine? routine) =>
        routine is { } loop ? new PeakLoop(&Call, loop.Address, 2L * loop.MultiplyAdds * Steps) : null;

    static void Call(void* context, int part, int thread) => ((delegate* unmanaged<long, void>)context)(Steps);

    static PeakLoop Fp32<TVector>() where TVector : struct, IVectorF32<TVector> =>
        new(&MultiplyAdd<TVector>, 0, 2L * Sums * Steps * TVector.Count);

    static void MultiplyAdd<TVector>(void* context, int part, int thread) where TVector : struct, IVectorF32<TVector>
    {
        TVector a = TVector.Broadcast(0.5f), b = TVector.Broadcast(0.25f);
        TVector s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a, s6 = a, s7 = a, s8 = a, s9 = a, s10 = a, s11 = a;
        for (int step = 0; step < Steps; step++)
        {
            s0 = TVector.MultiplyAdd(s0, b, a); s1 = TVector.MultiplyAdd(s1, b, a); s2 = TVector.MultiplyAdd(s2, b, a);
            s3 = TVector.MultiplyAdd(s3, b, a); s4 = TVector.MultiplyAdd(s4, b, a); s5 = TVector.MultiplyAdd(s5, b, a);
            s6 = TVector.MultiplyAdd(s6, b, a); s7 = TVector.MultiplyAdd(s7, b, a); s8 = TVector.MultiplyAdd(s8, b, a);
            s9 = TVector.MultiplyAdd(s9, b, a); s10 = TVector.MultiplyAdd(s10, b, a); s11 = TVector.MultiplyAdd(s11, b, a);
        }
        Keep(TVector.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11));
    }

    /// <summary>Takes a value, so that its computation is not dropped.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Keep(float value) => _ = value;
}
