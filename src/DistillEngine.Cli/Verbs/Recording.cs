using System.Diagnostics;
using DistillEngine.Benchmarks;
using DistillEngine.Core;
using Trace = DistillEngine.Core.Trace;

namespace DistillEngine.Cli.Verbs;

/// <summary>The ops of this thread from the start of some work to its end.</summary>
/// <param name="device">What computes: waited for after each op, so that a device's ops have times.</param>
sealed class Recording(IDevice device) : IDisposable
{
    readonly TraceLog _log = Trace.Open(device);
    readonly long _started = Stopwatch.GetTimestamp();
    double _seconds;
    bool _ended;

    /// <summary>Ends the recording.</summary>
    public void Dispose()
    {
        if (_ended) return;
        _ended = true;
        _seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;
        _log.Dispose();
    }

    /// <summary>Shows the table on stderr.</summary>
    /// <param name="operands">Type of the products' operands.</param>
    /// <param name="aside">What in between was no work, in seconds.</param>
    public void Write(Io io, Roof roof, PeakKind operands, double aside = 0)
    {
        foreach (string line in ProfileTable.Lines(_log, _seconds - aside, roof, operands)) io.Error.WriteLine(line);
    }
}
