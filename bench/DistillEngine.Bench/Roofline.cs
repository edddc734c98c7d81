using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The machine's limits at this moment: arithmetic from registers, and memory read in one stream a thread.</summary>
public unsafe class Roofline : OpBenchmark
{
    // Long against the start of the threads, short against an iteration.
    const int PeakSteps = 1_000_000;
    const int PeakSums = 12;
    const long StreamBytes = 256L << 20; // Eight times the outer cache of a usual server core complex.

    Tensor _stream;
    delegate*<void*, int, int, void> _peak, _read;

    [GlobalSetup]
    public void Setup()
    {
        _stream = Random("stream", new(1, (int)(StreamBytes / sizeof(float))));
        switch (CpuIsas.Width(CpuIsas.Choose()))
        {
            case CpuIsa.Scalar: Use<F32x1>(); break;
            case CpuIsa.Vector128: Use<F32x4>(); break;
            case CpuIsa.Vector256: Use<F32x8>(); break;
            default: Use<F32x16>(); break;
        }
    }

    void Use<TVector>() where TVector : struct, IVectorF32<TVector>
    {
        _peak = &Peak<TVector>;
        _read = &Read<TVector>;
    }

    [Benchmark(Description = "multiply-add peak")]
    public void MultiplyAddPeak() => Pool.Run(Pool.ThreadCount, _peak, null);

    [Benchmark(Description = "memory read")]
    public void MemoryRead()
    {
        var job = new Job { Data = _stream.HostPointer<float>(), Count = _stream.Count, Parts = Pool.ThreadCount };
        Pool.Run(job.Parts, _read, &job);
    }

    public override Cost CostOf(string benchmark)
    {
        int lanes = CpuIsas.Width(CpuIsas.Choose()) switch { CpuIsa.Scalar => 1, CpuIsa.Vector128 => 4, CpuIsa.Vector256 => 8, _ => 16 };
        return benchmark == nameof(MemoryRead) ? new(0, StreamBytes) : new(2L * PeakSums * PeakSteps * lanes * ThreadCount, 0);
    }

    static void Peak<TVector>(void* context, int part, int thread) where TVector : struct, IVectorF32<TVector>
    {
        TVector a = TVector.Broadcast(0.5f), b = TVector.Broadcast(0.25f);
        TVector s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a, s6 = a, s7 = a, s8 = a, s9 = a, s10 = a, s11 = a;
        for (int step = 0; step < PeakSteps; step++)
        {
            s0 = TVector.MultiplyAdd(s0, b, a); s1 = TVector.MultiplyAdd(s1, b, a); s2 = TVector.MultiplyAdd(s2, b, a);
            s3 = TVector.MultiplyAdd(s3, b, a); s4 = TVector.MultiplyAdd(s4, b, a); s5 = TVector.MultiplyAdd(s5, b, a);
            s6 = TVector.MultiplyAdd(s6, b, a); s7 = TVector.MultiplyAdd(s7, b, a); s8 = TVector.MultiplyAdd(s8, b, a);
            s9 = TVector.MultiplyAdd(s9, b, a); s10 = TVector.MultiplyAdd(s10, b, a); s11 = TVector.MultiplyAdd(s11, b, a);
        }
        Keep(TVector.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11));
    }

    static void Read<TVector>(void* context, int part, int thread) where TVector : struct, IVectorF32<TVector>
    {
        ref readonly Job job = ref Unsafe.AsRef<Job>(context);
        float* data = job.Data + job.Count * part / job.Parts, end = job.Data + job.Count * (part + 1) / job.Parts;
        TVector s0 = TVector.Zero, s1 = TVector.Zero, s2 = TVector.Zero, s3 = TVector.Zero;
        for (; data + 4 * TVector.Count <= end; data += 4 * TVector.Count)
        {
            s0 += TVector.Load(data);
            s1 += TVector.Load(data + TVector.Count);
            s2 += TVector.Load(data + 2 * TVector.Count);
            s3 += TVector.Load(data + 3 * TVector.Count);
        }
        Keep(TVector.Sum(s0 + s1 + s2 + s3));
    }

    /// <summary>Takes a value, so that its computation is not dropped.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Keep(float value) => _ = value;

    struct Job
    {
        public float* Data;
        public long Count;
        public int Parts;
    }
}
