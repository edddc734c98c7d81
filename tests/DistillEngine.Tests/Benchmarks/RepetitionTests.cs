using DistillEngine.Benchmarks;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Benchmarks;

/// <summary>How often work is measured, by a clock that the work itself moves.</summary>
public sealed class RepetitionTests : IDisposable
{
    readonly CpuBackend _backend = new(CpuIsas.Choose(), threads: 1);
    readonly List<double> _times = [];
    readonly List<(int Runs, TimeSpan Remaining)> _told = [];
    int _runs;

    [Theory]
    [InlineData(2, 9)]
    [InlineData(6, 9)]
    // A run this long warms up for itself.
    [InlineData(30, 8)]
    public void Run_OfLongWork_MeasuresSevenRuns(int seconds, int runs)
    {
        Repeat(TimeSpan.FromSeconds(seconds));
        Assert.Equal(runs, _runs);
        Assert.Equal(Enumerable.Repeat(1e3 * seconds, 7), _times);
    }

    [Theory]
    [InlineData(2, null)]
    [InlineData(6, 48)]
    [InlineData(30, 210)]
    public void Run_OfLongWork_TellsOnceHowLongItWillTake(int seconds, int? rest)
    {
        Repeat(TimeSpan.FromSeconds(seconds));
        Assert.Equal(rest is { } told ? [(7, TimeSpan.FromSeconds(told))] : [], _told);
    }

    [Fact]
    public void Run_OfShortWork_GoesOnForASecond()
    {
        Repeat(TimeSpan.FromMilliseconds(100));
        Assert.Equal(10, _times.Count);
    }

    [Fact]
    public void Run_WhenCancelledWithinLongWork_EndsAfterThatRun()
    {
        using var cancel = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Repeat(TimeSpan.FromSeconds(30), () =>
        {
            if (_runs == 3) cancel.Cancel();
        }, cancel.Token));
        Assert.Equal(3, _runs);
    }

    public void Dispose() => _backend.Dispose();

    void Repeat(TimeSpan each, Action? also = null, CancellationToken cancel = default)
    {
        var clock = new Clock();
        Repetition.Run(() =>
        {
            _runs++;
            clock.Now += each;
            also?.Invoke();
        }, _times.Add, _backend, warm: null, (runs, rest) => _told.Add((runs, rest)), cancel, clock);
    }

    sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
