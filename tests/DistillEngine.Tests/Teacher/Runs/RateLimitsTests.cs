using DistillEngine.Teacher;
using DistillEngine.Teacher.Runs;
using Xunit;

namespace DistillEngine.Tests.Teacher.Runs;

public class RateLimitsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Acquire_OfRandomSizes_KeepsBothLimitsInEverySlidingMinute(int seed)
    {
        const int requests = 50;
        const long tokens = 2000;
        var random = new Random(seed);
        var time = new VirtualTime();
        using var limits = new RateLimits(requests, tokens, TimeSpan.FromSeconds(60), time);
        var sent = new List<(DateTimeOffset Time, long Tokens)>();
        async Task<int> SendAsync()
        {
            for (int i = 0; i < 400; i++)
            {
                long estimate = random.Next(1, 200), used = random.Next(1, (int)estimate + 1);
                RatePermit permit = await limits.AcquireAsync(estimate, TestContext.Current.CancellationToken);
                sent.Add((time.GetUtcNow(), used));
                limits.Settle(permit, used, new TeacherReply { Text = "" });
            }
            return 0;
        }
        Task<int> work = Task.Run(SendAsync, TestContext.Current.CancellationToken);
        await time.DriveAsync(work, () => true);
        for (int i = 0; i < sent.Count; i++)
        {
            List<(DateTimeOffset Time, long Tokens)> minute = [.. sent.Skip(i).TakeWhile(s => s.Time - sent[i].Time < TimeSpan.FromMinutes(1))];
            Assert.True(minute.Count <= requests, $"seed {seed}: {minute.Count} requests in the minute after request {i}");
            Assert.True(minute.Sum(s => s.Tokens) <= tokens, $"seed {seed}: {minute.Sum(s => s.Tokens)} tokens in the minute after request {i}");
        }
        Assert.InRange(time.GetUtcNow() - sent[0].Time, TimeSpan.FromMinutes(7), TimeSpan.FromMinutes(25));
    }

    [Fact]
    public async Task Acquire_WhenTokensSetAsideAreNotUsed_GoesOnAtOnce()
    {
        var time = new VirtualTime();
        using var limits = new RateLimits(null, 100, TimeSpan.FromSeconds(60), time);
        RatePermit first = await limits.AcquireAsync(90, TestContext.Current.CancellationToken);
        Task<RatePermit> second = limits.AcquireAsync(50, TestContext.Current.CancellationToken);
        Assert.False(second.IsCompleted);
        limits.Settle(first, 40, new TeacherReply { Text = "" });
        await second.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Acquire_OfMoreThanAMinutesTokens_IsLetThroughAlone()
    {
        var time = new VirtualTime();
        using var limits = new RateLimits(null, 100, TimeSpan.FromSeconds(60), time);
        await limits.AcquireAsync(500, TestContext.Current.CancellationToken);
        Task<RatePermit> second = limits.AcquireAsync(1, TestContext.Current.CancellationToken);
        Assert.False(second.IsCompleted);
        await time.DriveAsync(second, () => true);
    }

    [Fact]
    public async Task Settle_WhenTheServerNamesALowerLimit_HoldsIt()
    {
        var time = new VirtualTime();
        using var limits = new RateLimits(100, null, TimeSpan.FromSeconds(60), time);
        RatePermit first = await limits.AcquireAsync(1, TestContext.Current.CancellationToken);
        limits.Settle(first, 1, new TeacherReply { Text = "", Limits = new() { RequestLimit = 2 } });
        await limits.AcquireAsync(1, TestContext.Current.CancellationToken);
        DateTimeOffset start = time.GetUtcNow();
        await time.DriveAsync(limits.AcquireAsync(1, TestContext.Current.CancellationToken), () => true);
        Assert.InRange(time.GetUtcNow() - start, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(61));
    }

    [Fact]
    public async Task Settle_WhenNothingIsLeft_WaitsForTheReset()
    {
        var time = new VirtualTime();
        using var limits = new RateLimits(null, null, TimeSpan.FromSeconds(60), time);
        RatePermit first = await limits.AcquireAsync(1, TestContext.Current.CancellationToken);
        TimeSpan wait = limits.Settle(first, 1, new TeacherReply
        {
            Text = "", Limits = new() { RequestLimit = 9, RequestsRemaining = 0, RetryAfter = TimeSpan.FromSeconds(7) },
        });
        Assert.Equal(TimeSpan.FromSeconds(7), wait);
        DateTimeOffset start = time.GetUtcNow();
        await time.DriveAsync(limits.AcquireAsync(1, TestContext.Current.CancellationToken), () => true);
        Assert.Equal(TimeSpan.FromSeconds(7), time.GetUtcNow() - start);
    }
}
