using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistillEngine.Kernels;

/// <summary>Fills float32 memory on all threads. Split: by pages. Large fills go past the caches: clearing the gradients of a model would
/// drop all else from them, and would first read every line it overwrites.</summary>
static unsafe class MemoryFill
{
    // A page each: no two threads write one line.
    const long Grain = 1024;

    // Less is done before a thread wakes.
    const long LeastElements = 64 * 1024;

    // Beyond the second-level cache of usual cores, where a value is not read again soon.
    const long LeastPastCaches = 1 << 20;

    public static void Run(ComputePool pool, float* destination, long count, float value)
    {
        var job = new Job { Destination = destination, Count = count, Value = value, Parts = Split.Parts(count, LeastElements, pool.ThreadCount) };
        pool.Run(job.Parts, &Part, &job);
    }

    static void Part(void* context, int part, int thread)
    {
        ref readonly Job job = ref Unsafe.AsRef<Job>(context);
        var (start, end) = Split.Range(job.Count, Grain, part, job.Parts);
        if (job.Count >= LeastPastCaches) Stream(job.Destination, start, end, job.Value);
        else Fill(job.Destination, start, end, job.Value);
    }

    static void Stream(float* destination, long start, long end, float value)
    {
        var vector = Vector256.Create(value);
        long i = start;
        // Tensors need not start on a vector; streaming stores must.
        for (; i < end && (nint)(destination + i) % Vector256<byte>.Count != 0; i++) destination[i] = value;
        for (; i + Vector256<float>.Count <= end; i += Vector256<float>.Count) vector.StoreAlignedNonTemporal(destination + i);
        for (; i < end; i++) destination[i] = value;
        // What another thread reads next must not overtake the streamed stores.
        Thread.MemoryBarrier();
    }

    static void Fill(float* destination, long start, long end, float value)
    {
        const long Most = 1 << 30;
        for (; start < end; start += Most) new Span<float>(destination + start, (int)Math.Min(Most, end - start)).Fill(value);
    }

    struct Job
    {
        public float* Destination;
        public long Count;
        public float Value;
        public int Parts;
    }
}
