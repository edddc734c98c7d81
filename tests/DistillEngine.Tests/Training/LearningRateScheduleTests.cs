using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

public class LearningRateScheduleTests
{
    /// <summary>What transformers' schedulers gave each of 20 steps.</summary>
    public static TheoryData<string, double, long, double[]> Recorded => new()
    {
        {
            "linear", 1e-3, 4,
            [0.0, 0.00025, 0.0005, 0.00075, 0.001, 0.0009375, 0.000875, 0.0008125000000000001, 0.00075, 0.0006875, 0.000625,
                0.0005625000000000001, 0.0005, 0.0004375, 0.000375, 0.0003125, 0.00025, 0.0001875, 0.000125, 6.25e-05]
        },
        {
            "linear", 5e-5, 0,
            [5e-05, 4.75e-05, 4.5e-05, 4.25e-05, 4e-05, 3.7500000000000003e-05, 3.5e-05, 3.2500000000000004e-05, 3e-05,
                2.7500000000000004e-05, 2.5e-05, 2.25e-05, 2e-05, 1.75e-05, 1.5e-05, 1.25e-05, 1e-05, 7.5e-06, 5e-06, 2.5e-06]
        },
        {
            "constant_with_warmup", 1e-3, 3,
            [0.0, 0.0003333333333333333, 0.0006666666666666666, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001,
                0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001]
        },
        {
            "inverse_sqrt", 1e-2, 5,
            [0.0, 0.002, 0.004, 0.006, 0.008, 0.01, 0.00912870929175277, 0.008451542547285166, 0.007905694150420948,
                0.007453559924999299, 0.0070710678118654745, 0.00674199862463242, 0.006454972243679028, 0.006201736729460422,
                0.005976143046671968, 0.005773502691896259, 0.005590169943749474, 0.005423261445466405, 0.005270462766947299,
                0.005129891760425771]
        },
        {
            "cosine", 1e-3, 2,
            [0.0, 0.0005, 0.001, 0.000992403876506104, 0.0009698463103929542, 0.0009330127018922195, 0.000883022221559489,
                0.0008213938048432696, 0.00075, 0.0006710100716628344, 0.0005868240888334653, 0.0005, 0.00041317591116653486,
                0.0003289899283371657, 0.0002500000000000001, 0.0001786061951567303, 0.00011697777844051105, 6.698729810778065e-05,
                3.0153689607045842e-05, 7.59612349389599e-06]
        },
    };

    [Theory, MemberData(nameof(Recorded))]
    public void At_EveryStep_GivesTheRecordedRate(string name, double rate, long warmup, double[] expected)
    {
        LearningRateSchedule schedule = LearningRateSchedule.Create(name, rate, warmup, expected.Length);
        // A cosine may differ in its last bit between libraries; all else must be equal.
        double tolerance = name == "cosine" ? 1e-15 * rate : 0;
        for (int step = 1; step <= expected.Length; step++) Assert.Equal(expected[step - 1], schedule.At(step), tolerance);
    }

    [Theory]
    [InlineData("linear", 0)]
    [InlineData("cosine", 0)]
    [InlineData("constant", 1)]
    public void At_PastTheEnd_StaysAtTheLastValue(string name, double expected)
    {
        LearningRateSchedule schedule = LearningRateSchedule.Create(name, 1, 2, 10);
        Assert.Equal(expected, schedule.At(11));
        Assert.Equal(expected, schedule.At(1000));
    }

    [Fact]
    public void At_WhenAllStepsWarmUp_NeverDividesByZero()
    {
        LearningRateSchedule schedule = LearningRateSchedule.Create("linear", 1, 4, 4);
        Assert.Equal([0, 0.25, 0.5, 0.75, 0], [schedule.At(1), schedule.At(2), schedule.At(3), schedule.At(4), schedule.At(5)]);
    }

    [Fact]
    public void At_OfInverseSqrtWithoutWarmup_StartsAtTheRate()
    {
        LearningRateSchedule schedule = LearningRateSchedule.Create("inverse-sqrt", 0.5, 0, 10);
        Assert.Equal(0.5, schedule.At(1));
        Assert.Equal(0.25, schedule.At(30_001));
    }

    [Theory]
    [InlineData("quadratic", 1, 0, 10, "quadratic")]
    [InlineData("linear", -1, 0, 10, "rate")]
    [InlineData("linear", double.NaN, 0, 10, "rate")]
    [InlineData("linear", 1, -1, 10, "warm-up")]
    [InlineData("cosine", 1, 11, 10, "warm-up")]
    [InlineData("linear", 1, 0, 0, "steps")]
    public void Create_WithBadNumbers_SaysWhich(string name, double rate, long warmup, long total, string word)
    {
        var e = Assert.Throws<ArgumentException>(() => LearningRateSchedule.Create(name, rate, warmup, total));
        Assert.Contains(word, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void At_StepZero_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.Create("constant", 1, 0, 1).At(0));
}
