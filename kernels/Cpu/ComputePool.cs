using System.Diagnostics;

namespace DistillEngine.Kernels;

/// <summary>
/// Threads for kernels alone. The calling thread is thread 0; part p of a run goes to thread p mod <see cref="ThreadCount"/>, so who
/// computes what never depends on timing. A run allocates nothing. Bodies compute without denormals (<see cref="DenormalFlush"/>).
/// </summary>
public sealed unsafe class ComputePool : IDisposable
{
    // Workers spin this long for the next run, since a step makes hundreds of runs microseconds apart; then they sleep.
    static readonly long SpinTicks = Stopwatch.Frequency / 20_000;

    // About 20 microseconds.
    const int MaxSpins = 500;

    // Of a ticket: enough for the most threads.
    const int TicketThreadBits = 16;
    const long TicketThreads = (1 << TicketThreadBits) - 1;

    /// <summary>Far above the processors of one machine: a larger number is a mistake, not a wish.</summary>
    public const int MaxThreads = 1024;

    readonly Thread[] _workers;
    readonly Scratch[] _scratch;
    readonly object _gate = new();
    delegate*<void*, int, int, void> _body;
    void* _context;
    int _parts;
    // Grows with every run; its lower bits are the threads that have a part, so that a thread learns both at once.
    long _ticket;
    int _sleeping;
    int _pending;
    Exception? _failure;
    int _isRunning;
    bool _stopping;

    /// <param name="threads">1 … <see cref="MaxThreads"/>; 1 runs everything on the caller.</param>
    public ComputePool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, MaxThreads);
        ThreadCount = threads;
        _scratch = new Scratch[threads];
        for (int i = 0; i < threads; i++) _scratch[i] = new Scratch();
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            int thread = i + 1;
            _workers[i] = new Thread(() => Work(thread)) { IsBackground = true, Name = $"distill-compute-{thread}" };
            _workers[i].Start();
        }
    }

    public int ThreadCount { get; }

    /// <summary>Runs body(context, part, thread) for every part 0 … parts − 1 and returns when all are done.</summary>
    /// <remarks>One caller at a time: a run shares this pool's threads and scratch with no other.</remarks>
    /// <param name="body">A static method; must not start a run itself. What it throws is thrown here.</param>
    /// <exception cref="InvalidOperationException">The threads are in another run.</exception>
    /// <exception cref="ObjectDisposedException">The threads were stopped.</exception>
    public void Run(int parts, delegate*<void*, int, int, void> body, void* context)
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        if (parts <= 0) return;
        if (parts == 1 || ThreadCount == 1)
        {
            Compute(body, context, 0, parts, 1, thread: 0);
            return;
        }
        if (Interlocked.Exchange(ref _isRunning, 1) != 0)
            throw new InvalidOperationException("A run of a compute pool began while another was not done; one caller at a time may run.");
        _body = body;
        _context = context;
        _parts = parts;
        _failure = null;
        // Threads without a part take none in the run: on many processors a short run would wait for the slowest of them.
        int threads = Math.Min(parts, ThreadCount);
        Volatile.Write(ref _pending, threads - 1);
        NextTicket(threads);
        // The full fences of ticket and sleeper make a missed wake-up impossible: either the sleeper sees the ticket or we see the sleeper.
        if (Volatile.Read(ref _sleeping) > 0)
            lock (_gate) Monitor.PulseAll(_gate);
        RunParts(0);
        // Parts of one run end microseconds apart, so waits that grow would oversleep; beyond that a worker has no processor to run on.
        for (int spins = 0; Volatile.Read(ref _pending) != 0; spins++)
        {
            if (spins < MaxSpins) Thread.SpinWait(1);
            else Thread.Yield();
        }
        Exception? failure = _failure;
        Volatile.Write(ref _isRunning, 0);
        if (failure is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Memory of one thread, 64-byte aligned, contents undefined; kept and grown, so steady state allocates nothing.</summary>
    public void* ThreadScratch(int thread, long bytes) => _scratch[thread].AtLeast(bytes);

    public void Dispose()
    {
        if (_stopping) return;
        Volatile.Write(ref _stopping, true);
        NextTicket(threads: 0);
        lock (_gate) Monitor.PulseAll(_gate);
        foreach (Thread worker in _workers) worker.Join();
        foreach (Scratch scratch in _scratch) scratch.Dispose();
    }

    void NextTicket(int threads) => Interlocked.Exchange(ref _ticket, ((_ticket >> TicketThreadBits) + 1 << TicketThreadBits) | (long)threads);

    void Work(int thread)
    {
        long seen = 0, idleSince = Stopwatch.GetTimestamp();
        while (true)
        {
            seen = Await(seen, idleSince);
            if (Volatile.Read(ref _stopping)) return;
            if (thread >= (seen & TicketThreads)) continue;
            // The run lasts until this thread is done, so what it reads is of the ticket that it has seen.
            RunParts(thread);
            Interlocked.Decrement(ref _pending);
            idleSince = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Waits for a ticket other than the one seen last. Those of runs in which the thread had no part may be missed.</summary>
    long Await(long seen, long idleSince)
    {
        while (true)
        {
            long ticket = Volatile.Read(ref _ticket);
            if (ticket != seen) return ticket;
            Thread.SpinWait(1);
            if (Stopwatch.GetTimestamp() - idleSince < SpinTicks) continue;
            lock (_gate)
            {
                Interlocked.Increment(ref _sleeping);
                while (Volatile.Read(ref _ticket) == seen) Monitor.Wait(_gate);
                Interlocked.Decrement(ref _sleeping);
            }
        }
    }

    void RunParts(int thread)
    {
        try
        {
            Compute(_body, _context, thread, _parts, ThreadCount, thread);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null);
        }
    }

    static void Compute(delegate*<void*, int, int, void> body, void* context, int first, int parts, int step, int thread)
    {
        uint state = DenormalFlush.Begin();
        try
        {
            for (int part = first; part < parts; part += step) body(context, part, thread);
        }
        finally
        {
            DenormalFlush.End(state);
        }
    }

    sealed class Scratch : IDisposable
    {
        Core.HostBuffer? _buffer;

        public void* AtLeast(long bytes)
        {
            if (_buffer is null || _buffer.ByteLength < bytes)
            {
                _buffer?.Dispose();
                // Stays so where the system refuses the memory.
                _buffer = null;
                _buffer = new Core.HostBuffer(bytes, "scratch of one compute thread");
            }
            return _buffer.Pointer;
        }

        public void Dispose() => _buffer?.Dispose();
    }
}
