using System.Diagnostics;
using DistillEngine.Kernels;

namespace DistillEngine.Benchmarks;

/// <summary>Measures the machine's limits at this moment: arithmetic from registers, and memory read and copied in one stream a thread.
/// A limit is what was reached once, so each figure is the best of many short runs.</summary>
public sealed unsafe class RooflineMeter : IDisposable
{
    const int LeastRuns = 10;

    static readonly TimeSpan LeastTime = TimeSpan.FromMilliseconds(200);

    // The system moves threads apart within some tenths of a second; where there are fewer processors than threads it never does.
    static readonly TimeSpan MostSpreadTime = TimeSpan.FromSeconds(1);

    // Between threads on processors of their own, which take as long as one, and two on the same processor, which take twice as long.
    const double SpreadRatio = 1.5;

    readonly CpuIsa _isa;
    readonly ComputePool _pool;
    readonly Streams _streams;

    /// <param name="threads">1 … <see cref="ComputePool.MaxThreads"/>.</param>
    /// <exception cref="InsufficientMemoryException">The buffers of the bandwidth measurement do not fit.</exception>
    public RooflineMeter(CpuIsa isa, int threads)
    {
        _isa = isa;
        _pool = new ComputePool(threads);
        _streams = new Streams(_pool, isa);
    }

    /// <summary>Bytes that one <see cref="Read"/> reads, and that one <see cref="Copy"/> reads and also writes.</summary>
    public static long StreamBytes => Streams.ByteLength;

    /// <summary>Measures the device that a backend computes on: for the processor, as many threads as the backend has.</summary>
    /// <inheritdoc cref="RooflineMeter(CpuIsa, int)"/>
    public static Roof Measure(IBackend backend)
    {
        if (backend is CpuBackend cpu) return Measure(CpuIsas.Choose(), cpu.ThreadCount);
        using IDeviceRoofline loops = backend.OpenRoofline() ?? throw new ArgumentException($"{backend.Name} has no loops that measure its limits.");
        return new Roof(Threads: 0, Peak(ComputePrecision.F32)!.Value, Peak(ComputePrecision.Bf16), Int8Gops: null,
            loops.StreamBytes / BestOf(loops.Read) * 1e-9, 2 * loops.StreamBytes / BestOf(loops.Copy) * 1e-9)
        {
            Device = backend.Name, Tf32Gflops = Peak(ComputePrecision.Tf32),
        };

        double? Peak(ComputePrecision operands) =>
            loops.Operations(operands) is { } operations ? operations / BestOf(() => loops.Compute(operands)) * 1e-9 : null;

        double BestOf(Action queue) => Best(() =>
        {
            queue();
            backend.Synchronize();
        });
    }

    /// <summary>Why <see cref="Measure(IBackend)"/> gives no peak of a kind, for a user.</summary>
    public static string WhyMissing(IBackend backend, PeakKind kind) => backend is CpuBackend ? PeakLoops.WhyMissing(kind) : kind switch
    {
        PeakKind.Bf16 or PeakKind.Tf32 => "the device has no tensor cores that multiply it, only CUDA devices of compute capability 8.0 and above have",
        _ => "kernels of devices do not multiply it",
    };

    /// <summary>Measures everything on threads of its own.</summary>
    public static Roof Measure(CpuIsa isa, int threads)
    {
        using var meter = new RooflineMeter(isa, threads);
        meter.Spread();
        return new Roof(threads, meter.Peak(PeakKind.Fp32)!.Value, meter.Peak(PeakKind.Bf16), meter.Peak(PeakKind.Int8),
            StreamBytes / Best(meter.Read) * 1e-9, 2 * StreamBytes / Best(meter.Copy) * 1e-9);
    }

    /// <summary>Operations of one <see cref="Compute"/>, all threads together; null where there is no such loop.</summary>
    public long? Operations(PeakKind kind) => PeakLoops.Find(kind, _isa) is { } loop ? _pool.ThreadCount * loop.Operations : null;

    /// <summary>Runs a peak loop once on every thread.</summary>
    /// <exception cref="InvalidOperationException">There is no loop of this kind.</exception>
    public void Compute(PeakKind kind)
    {
        PeakLoop loop = PeakLoops.Find(kind, _isa) ?? throw new InvalidOperationException($"There is no {kind} loop: {PeakLoops.WhyMissing(kind)}.");
        _pool.Run(_pool.ThreadCount, loop.Body, loop.Context);
    }

    /// <summary>Reads a buffer once, each thread its part.</summary>
    public void Read() => _streams.Read();

    /// <summary>Copies a buffer once, each thread its part.</summary>
    public void Copy() => _streams.Copy();

    public void Dispose()
    {
        _streams.Dispose();
        _pool.Dispose();
    }

    /// <summary>Computes until every thread has a processor of its own, or for a second. New threads often begin on the processor that starts
    /// them, and limits measured there would be half of what the machine allows.</summary>
    void Spread()
    {
        if (_pool.ThreadCount == 1) return;
        PeakLoop loop = PeakLoops.Find(PeakKind.Fp32, _isa)!.Value;
        double alone = Best(() => _pool.Run(1, loop.Body, loop.Context));
        long began = Stopwatch.GetTimestamp();
        while (Seconds(() => Compute(PeakKind.Fp32)) > SpreadRatio * alone && Stopwatch.GetElapsedTime(began) < MostSpreadTime)
        {
        }
    }

    /// <summary>10⁹ operations a second.</summary>
    double? Peak(PeakKind kind) => Operations(kind) is { } operations ? operations / Best(() => Compute(kind)) * 1e-9 : null;

    /// <summary>Seconds of the shortest run.</summary>
    static double Best(Action run)
    {
        run();
        double best = double.MaxValue;
        long began = Stopwatch.GetTimestamp();
        for (int runs = 0; runs < LeastRuns || Stopwatch.GetElapsedTime(began) < LeastTime; runs++) best = Math.Min(best, Seconds(run));
        return best;
    }

    static double Seconds(Action run)
    {
        long started = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
