using System.Diagnostics;

namespace DistillEngine.Core;

/// <summary>Time and cost of each op by name, summed while the log is open. A log opened meanwhile adds to the outer one, too.</summary>
public sealed class TraceLog : IDisposable
{
    readonly Dictionary<string, Entry> _entries = [];

    readonly IDevice? _device;

    internal TraceLog(TraceLog? outer, IDevice? device) => (Outer, _device) = (outer, device ?? outer?._device);

    internal TraceLog? Outer { get; }

    /// <summary>Op, calls, seconds and summed cost, longest first.</summary>
    public IReadOnlyList<(string Op, long Calls, double Seconds, Cost Cost)> Rows =>
        [.. _entries.OrderByDescending(e => e.Value.Ticks)
            .Select(e => (e.Key, e.Value.Calls, e.Value.Ticks / (double)Stopwatch.Frequency, new Cost(e.Value.Flops, e.Value.Bytes)))];

    public void Dispose() => Trace.Close(this);

    internal void End(string op, Cost cost, long start)
    {
        _device?.Synchronize();
        Add(op, cost, Stopwatch.GetTimestamp() - start);
    }

    void Add(string op, Cost cost, long ticks)
    {
        ref Entry entry = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_entries, op, out _);
        entry.Calls++;
        entry.Ticks += ticks;
        entry.Flops += cost.Flops;
        entry.Bytes += cost.Bytes;
        Outer?.Add(op, cost, ticks);
    }

    struct Entry
    {
        public long Calls, Ticks, Flops, Bytes;
    }
}
