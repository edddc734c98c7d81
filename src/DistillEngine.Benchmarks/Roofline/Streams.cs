using System.Runtime.CompilerServices;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Benchmarks;

/// <summary>Two buffers far larger than the caches, to read and to copy: one stream a thread.</summary>
sealed unsafe class Streams : IDisposable
{
    const long LeastBytes = 256L << 20;

    // Where the system does not tell: the outer cache of a usual server core complex.
    const long UsualCacheBytes = 32L << 20;

    readonly HostBuffer _source, _destination;
    readonly ComputePool _pool;
    readonly delegate*<void*, int, int, void> _read;

    public Streams(ComputePool pool, CpuIsa isa)
    {
        _pool = pool;
        _source = new HostBuffer(ByteLength, "source of the bandwidth measurement");
        _destination = new HostBuffer(ByteLength, "destination of the bandwidth measurement");
        new Span<byte>(_source.Pointer, (int)ByteLength).Fill(1);
        new Span<byte>(_destination.Pointer, (int)ByteLength).Clear();
        _read = CpuIsas.Width(isa) switch
        {
            CpuIsa.Scalar => &Read<F32x1>,
            CpuIsa.Vector128 => &Read<F32x4>,
            CpuIsa.Vector256 => &Read<F32x8>,
            _ => &Read<F32x16>,
        };
    }

    /// <summary>Bytes of one buffer: eight times the outermost cache, but half a gigabyte at the most, which fits beside a model.</summary>
    public static long ByteLength { get; } = Math.Clamp(8 * LastLevelCacheBytes(), LeastBytes, 2 * LeastBytes);

    public void Read()
    {
        Job job = NewJob();
        _pool.Run(job.Parts, _read, &job);
    }

    public void Copy()
    {
        Job job = NewJob();
        _pool.Run(job.Parts, &Copy, &job);
    }

    public void Dispose()
    {
        _source.Dispose();
        _destination.Dispose();
    }

    Job NewJob() => new()
    {
        Source = (float*)_source.Pointer, Destination = (float*)_destination.Pointer, Count = ByteLength / sizeof(float), Parts = _pool.ThreadCount,
    };

    static void Read<TVector>(void* context, int part, int thread) where TVector : struct, IVectorF32<TVector>
    {
        ref readonly Job job = ref Unsafe.AsRef<Job>(context);
        float* data = job.Source + job.Count * part / job.Parts, end = job.Source + job.Count * (part + 1) / job.Parts;
        TVector s0 = TVector.Zero, s1 = TVector.Zero, s2 = TVector.Zero, s3 = TVector.Zero;
        for (; data + 4 * TVector.Count <= end; data += 4 * TVector.Count)
        {
            s0 += TVector.Load(data);
            s1 += TVector.Load(data + TVector.Count);
            s2 += TVector.Load(data + 2 * TVector.Count);
            s3 += TVector.Load(data + 3 * TVector.Count);
        }
        PeakLoops.Keep(TVector.Sum(s0 + s1 + s2 + s3));
    }

    /// <summary>The system's own copy, which writes past the caches where that is faster.</summary>
    static void Copy(void* context, int part, int thread)
    {
        ref readonly Job job = ref Unsafe.AsRef<Job>(context);
        long first = job.Count * part / job.Parts, bytes = sizeof(float) * (job.Count * (part + 1) / job.Parts - first);
        Buffer.MemoryCopy(job.Source + first, job.Destination + first, bytes, bytes);
    }

    static long LastLevelCacheBytes()
    {
        // Linux numbers the caches of a processor by distance; sizes read like "32768K".
        const string Folder = "/sys/devices/system/cpu/cpu0/cache";
        long bytes = 0;
        for (int index = 0; File.Exists($"{Folder}/index{index}/size"); index++)
            if (long.TryParse(File.ReadAllText($"{Folder}/index{index}/size").AsSpan().TrimEnd("K\n"), out long kibibytes))
                bytes = Math.Max(bytes, kibibytes * 1024);
        return bytes > 0 ? bytes : UsualCacheBytes;
    }

    struct Job
    {
        public float* Source, Destination;
        public long Count;
        public int Parts;
    }
}
