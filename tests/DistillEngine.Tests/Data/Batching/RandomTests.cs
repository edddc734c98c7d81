using DistillEngine.Data.Batching;
using Xunit;

namespace DistillEngine.Tests.Data.Batching;

public class RandomTests
{
    [Fact]
    public void MersenneTwister_OfTheStandardSeed_GivesTheStandardNumbers()
    {
        // The C++ standard, [rand.predef]: the first and the 10,000th number of mt19937 with its default seed.
        var generator = new MersenneTwister(5489);
        Assert.Equal(3499211612, generator.Next());
        for (int i = 2; i < 10_000; i++) generator.Next();
        Assert.Equal(4123659995, generator.Next());
    }

    [Fact]
    public void PublishedSampler_ReplaysAnyEpoch()
    {
        int[] forward = new int[30], replayed = new int[30];
        var sampler = new PublishedSampler(0, 30);
        for (int epoch = 0; epoch < 4; epoch++) sampler.Fill(epoch, forward);
        new PublishedSampler(0, 30).Fill(3, replayed);
        Assert.Equal(forward, replayed);
        sampler.Fill(0, replayed);
        Assert.NotEqual(forward, replayed);
        Assert.Equal(Enumerable.Range(0, 30), forward.Order());
    }

    [Fact]
    public void CounterRandom_Below_IsEvenOverCountersStreamsAndSeeds()
    {
        int[] counts = new int[10];
        for (ulong i = 0; i < 10_000; i++)
        {
            counts[CounterRandom.Below(10, 1, 2, i)]++;
            counts[CounterRandom.Below(10, 1, i, 2)]++;
            counts[CounterRandom.Below(10, i, 1, 2)]++;
        }
        // 3,000 each are expected, with a standard deviation of 52.
        Assert.All(counts, count => Assert.InRange(count, 2740, 3260));
    }

    [Fact]
    public void CounterRandom_Shuffle_MovesEveryValueEverywhere()
    {
        int[,] counts = new int[4, 4];
        for (ulong seed = 0; seed < 8_000; seed++)
        {
            int[] values = [0, 1, 2, 3];
            CounterRandom.Shuffle(values, seed, 0);
            for (int i = 0; i < 4; i++) counts[i, values[i]]++;
        }
        // 2,000 each are expected, with a standard deviation of 39.
        foreach (int count in counts) Assert.InRange(count, 1800, 2200);
    }
}
