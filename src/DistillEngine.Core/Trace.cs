using System.Diagnostics;

namespace DistillEngine.Core;

/// <summary>Times ops where a <see cref="TraceLog"/> is open on the calling thread; otherwise costs one null check.</summary>
public static class Trace
{
    [ThreadStatic]
    static TraceLog? s_log;

    /// <summary>Whether ops of this thread are recorded: spares callers a cost that is not cheap to know.</summary>
    public static bool IsOpen => s_log is not null;

    /// <summary>Starts recording on this thread until the returned log is disposed.</summary>
    /// <param name="device">Waited for at the end of each op, where ops only queue their work: otherwise their times say nothing.</param>
    public static TraceLog Open(IDevice? device = null) => s_log = new TraceLog(s_log, device);

    internal static void Close(TraceLog log) => s_log = log.Outer;

    /// <summary>Marks one op: <c>using var _ = Trace.Op(name, cost);</c></summary>
    public static Scope Op(string name, Cost cost) => new(s_log, name, cost);

    /// <summary>The running op; ends when disposed.</summary>
    public readonly ref struct Scope
    {
        readonly TraceLog? _log;
        readonly string _name;
        readonly Cost _cost;
        readonly long _start;

        internal Scope(TraceLog? log, string name, Cost cost)
        {
            (_log, _name, _cost) = (log, name, cost);
            _start = log is null ? 0 : Stopwatch.GetTimestamp();
        }

        public void Dispose() => _log?.End(_name, _cost, _start);
    }
}
