using DistillEngine.Teacher.Runs;
using Xunit;

namespace DistillEngine.Tests.Teacher.Runs;

public class BudgetTests
{
    static readonly Spending Estimate = new(1, 100, 100);

    [Fact]
    public async Task Reserve_OfRequests_NeverPassesTheLimit()
    {
        var budget = new Budget(new(3, null, null), null, new(1, 10, 10), 1);
        Assert.NotNull(await ReserveAsync(budget));
        Assert.NotNull(await ReserveAsync(budget));
        Task<Spending?> third = ReserveAsync(budget);
        Assert.False(third.IsCompleted);
        budget.Settle(Estimate, Estimate, new(1, 10, 10));
        budget.Settle(Estimate, Estimate, new(1, 10, 10));
        Assert.Null(await third);
        Assert.Contains("3 of 3 requests", budget.Describe(Estimate), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reserve_OfDollars_StartsNothingThatCouldPassTheLimit()
    {
        var budget = new Budget(new(null, null, 0.01), new(10, 30), default, 1);
        int sent = 0;
        while (await ReserveAsync(budget) is { } reserved)
        {
            budget.Settle(Estimate, reserved, new(1, 100, 50));
            sent++;
        }
        // 0.0025 each, and 0.004 at the most.
        Assert.Equal(3, sent);
        Assert.Equal(0.0075, budget.Dollars!.Value, 9);
    }

    [Fact]
    public async Task Reserve_OfTheFirstRequest_IsRefusedWhereItCouldPassTheLimit()
    {
        var budget = new Budget(new(null, 199, null), null, default, 1);
        Assert.Null(await ReserveAsync(budget));
        Assert.Contains("0 of 199 tokens are used, and the next request can need 200", budget.Describe(Estimate), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reserve_AfterShortAnswers_StillSetsTheLongestAside()
    {
        var budget = new Budget(new(null, 1000, null), null, default, 1);
        budget.Settle(Estimate, (await ReserveAsync(budget))!.Value, new(1, 100, 1));
        Assert.Equal(Estimate, await ReserveAsync(budget));
    }

    [Fact]
    public async Task Reserve_WhenPromptsCountMoreThanEstimated_ReckonsWithThatFromThenOn()
    {
        var budget = new Budget(new(null, 1000, null), null, default, 1);
        budget.Settle(Estimate, (await ReserveAsync(budget))!.Value, new(1, 250, 10));
        Assert.Equal(new Spending(1, 250, 100), await ReserveAsync(budget));
        budget.Settle(Estimate, new(1, 250, 100), new(1, 120, 10));
        Assert.Equal(new Spending(1, 250, 100), await ReserveAsync(budget));
    }

    static Task<Spending?> ReserveAsync(Budget budget) => budget.ReserveAsync(Estimate, TestContext.Current.CancellationToken);
}
