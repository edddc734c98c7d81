using System.Diagnostics;
using DistillEngine.Kernels;

namespace DistillEngine.Benchmarks;

/// <summary>Reads memory now and then while something else is measured: on shared machines the bandwidth changes by a factor of two within
/// seconds, so that a limit measured before or after a run says little about it.</summary>
sealed class BandwidthProbe : IDisposable
{
    // The first one wakes the threads; of the others the better one is the limit at that moment.
    const int Passes = 3;

    readonly RooflineMeter? _meter;
    readonly List<double> _readGBs = [];

    /// <param name="backend">Only the memory of the processor is read; of another device's there is none to tell.</param>
    /// <exception cref="InsufficientMemoryException">The buffers do not fit.</exception>
    public BandwidthProbe(IBackend backend)
    {
        if (backend is not CpuBackend cpu) return;
        long started = Stopwatch.GetTimestamp();
        _meter = new RooflineMeter(CpuIsas.Choose(), cpu.ThreadCount);
        Seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>Bytes of its buffers.</summary>
    public static long ByteLength => 2 * RooflineMeter.StreamBytes;

    /// <summary>10⁹ bytes a second, the median of all times; null where nothing was read.</summary>
    public double? ReadGBs => _readGBs.Count == 0 ? null : Timing.Of(_readGBs).Median;

    /// <summary>What the probe took so far.</summary>
    public double Seconds { get; private set; }

    public void Read()
    {
        if (_meter is null) return;
        long began = Stopwatch.GetTimestamp();
        double best = 0;
        for (int pass = 0; pass < Passes; pass++)
        {
            long started = Stopwatch.GetTimestamp();
            _meter.Read();
            best = Math.Max(best, RooflineMeter.StreamBytes / Stopwatch.GetElapsedTime(started).TotalSeconds * 1e-9);
        }
        _readGBs.Add(best);
        Seconds += Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    public void Dispose() => _meter?.Dispose();
}
