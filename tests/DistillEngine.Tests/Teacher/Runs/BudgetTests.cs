using DistillEngine.Teacher.Runs;
using Xunit;

namespace DistillEngine.Tests.Teacher.Runs;

public class BudgetTests
{
    static readonly Spending Estimate = new(1, 100, 100);

    [Fact]
    public async Task Reserve_OfRequests_NeverPassesTheLimit()
    {
        var budget = new Budget(new(3, null, null), null, new(1, 10, 10), 1, 1);
        Assert.NotNull(await budget.ReserveAsync(Estimate, 1, TestContext.Current.CancellationToken));
        Assert.NotNull(await budget.ReserveAsync(Estimate, 1, TestContext.Current.CancellationToken));
        Task<Spending?> third = budget.ReserveAsync(Estimate, 1, TestContext.Current.CancellationToken);
        Assert.False(third.IsCompleted);
        budget.Settle(new(1, 10, 10), new(1, 10, 10), answers: 1);
        budget.Settle(new(1, 10, 10), new(1, 10, 10), answers: 1);
        Assert.Null(await third);
        Assert.Contains("3 of 3 requests", budget.Describe(Estimate, 1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reserve_OfDollars_StopsBeforeThePriceIsPassed()
    {
        var budget = new Budget(new(null, null, 0.01), new(10, 30), default, 0, 0);
        int sent = 0;
        while (await budget.ReserveAsync(Estimate, 1, TestContext.Current.CancellationToken) is { } reserved)
        {
            budget.Settle(reserved, new(1, 100, 50), answers: 1);
            sent++;
        }
        Assert.Equal(4, sent);
        Assert.Equal(0.01, budget.Dollars!.Value, 9);
    }

    [Fact]
    public async Task Reserve_BeforeAnyAnswer_LetsOneThroughThoughItsEstimateIsTooLarge()
    {
        var budget = new Budget(new(null, 50, null), null, default, 0, 0);
        Spending? first = await budget.ReserveAsync(Estimate, 1, TestContext.Current.CancellationToken);
        Task<Spending?> second = budget.ReserveAsync(Estimate, 1, TestContext.Current.CancellationToken);
        Assert.False(second.IsCompleted);
        budget.Settle(first!.Value, new(1, 10, 10), answers: 1);
        Assert.Equal(new Spending(1, 10, 10), await second);
    }

    [Fact]
    public async Task Reserve_OfSeveralSamples_CountsThePromptOnce()
    {
        var budget = new Budget(new(null, 1000, null), null, new(1, 100, 40), 1, 4);
        Assert.Equal(new Spending(1, 100, 30), await budget.ReserveAsync(Estimate, 3, TestContext.Current.CancellationToken));
    }
}
