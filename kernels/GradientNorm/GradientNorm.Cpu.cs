using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The global norm on the CPU. Split: by blocks of <see cref="BlockElements"/>, whose sums are then added in order on the caller.
/// Memory: 4 bytes read an element. Bound: bandwidth. Sums: double, where the square of a float32 is exact and cannot overflow.
/// </summary>
public sealed unsafe class GradientNormCpu<TVector>(ComputePool pool) : GradientNorm where TVector : struct, IVectorF32<TVector>
{
    /// <summary>64 KiB: long enough to stream, short enough that a million parameters keep many threads busy.</summary>
    internal const int BlockElements = 16 * 1024;

    protected override void ForwardCore(Tensor gradients, Tensor norm)
    {
        int blocks = checked((int)((gradients.Count + BlockElements - 1) / BlockElements));
        var job = new Job
        {
            Gradients = gradients.HostPointer<float>(),
            Count = gradients.Count,
            Blocks = blocks,
            Sums = (double*)pool.ThreadScratch(0, sizeof(double) * (long)blocks),
            Parts = Split.Parts(blocks, 1, pool.ThreadCount),
        };
        pool.Run(job.Parts, &Part, &job);
        double sum = 0;
        for (int block = 0; block < blocks; block++) sum += job.Sums[block];
        *norm.HostPointer<float>() = (float)Math.Sqrt(sum);
    }

    static void Part(void* context, int part, int thread)
    {
        ref readonly Job job = ref Unsafe.AsRef<Job>(context);
        var (first, end) = Split.Range(job.Blocks, part, job.Parts);
        for (long block = first; block < end; block++)
        {
            long start = block * BlockElements;
            job.Sums[block] = SumOfSquares(job.Gradients + start, (int)Math.Min(BlockElements, job.Count - start));
        }
    }

    static double SumOfSquares(float* gradients, int count)
    {
        int vectors = count / TVector.Count;
        double sum = TVector.SumOfSquares(gradients, vectors);
        for (int i = vectors * TVector.Count; i < count; i++) sum += (double)gradients[i] * gradients[i];
        return sum;
    }

    struct Job
    {
        public float* Gradients;
        public double* Sums;
        public long Count;
        public int Blocks, Parts;
    }
}
