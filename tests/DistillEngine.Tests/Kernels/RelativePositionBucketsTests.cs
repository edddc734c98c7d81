using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class RelativePositionBucketsTests
{
    [Fact]
    public void Build_ForTheUsualEncoder_MatchesTheReferenceThresholds()
    {
        // First distance of each bucket, from modeling_t5._relative_position_bucket with 32 buckets and maximum distance 128.
        int[] firstDistances = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];
        int[] table = RelativePositionBuckets.Build(bidirectional: true, 32, 128);
        Assert.Equal(257, table.Length);
        for (int distance = 0; distance <= 128; distance++)
        {
            int bucket = BucketOf(distance, firstDistances);
            Assert.Equal(bucket, table[128 - distance]);
            Assert.Equal(distance == 0 ? 0 : 16 + bucket, table[128 + distance]);
        }
    }

    [Fact]
    public void Build_ForTheUsualDecoder_MatchesTheReferenceThresholds()
    {
        int[] firstDistances =
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113];
        int[] table = RelativePositionBuckets.Build(bidirectional: false, 32, 128);
        for (int distance = 0; distance <= 128; distance++)
        {
            Assert.Equal(BucketOf(distance, firstDistances), table[128 - distance]);
            Assert.Equal(0, table[128 + distance]);
        }
    }

    [Fact]
    public void Build_WithTwelveBucketsAndDistanceTwenty_MatchesTheFormula()
    {
        // Bidirectional: 6 a side, 3 exact, then 3 + ⌊3 ln(d/3) / ln(20/3)⌋. Unidirectional: 6 exact, then 6 + ⌊6 ln(d/6) / ln(20/6)⌋.
        int[] both = RelativePositionBuckets.Build(bidirectional: true, 12, 20);
        int[] one = RelativePositionBuckets.Build(bidirectional: false, 12, 20);
        for (int distance = 0; distance <= 20; distance++)
        {
            int bucket = BucketOf(distance, [0, 1, 2, 3, 6, 11]);
            Assert.Equal(bucket, both[20 - distance]);
            Assert.Equal(distance == 0 ? 0 : 6 + bucket, both[20 + distance]);
            Assert.Equal(BucketOf(distance, [0, 1, 2, 3, 4, 5, 6, 8, 9, 11, 14, 17]), one[20 - distance]);
        }
    }

    [Fact]
    public void Build_WithTheFewestBuckets_StillTellsNearFromFar()
    {
        Assert.Equal([1, 1, 0, 0, 0], RelativePositionBuckets.Build(bidirectional: false, 2, 2));
        Assert.Equal([1, 1, 0, 3, 3], RelativePositionBuckets.Build(bidirectional: true, 4, 2));
    }

    [Theory]
    [InlineData(true, 31, 128)]
    [InlineData(true, 2, 128)]
    [InlineData(false, 1, 128)]
    [InlineData(false, 0, 128)]
    [InlineData(true, -4, 128)]
    [InlineData(true, 32, 8)]
    [InlineData(false, 32, 16)]
    [InlineData(false, 32, -1)]
    [InlineData(false, 32, int.MaxValue)]
    public void Build_WithImpossibleSettings_SaysWhichOne(bool bidirectional, int buckets, int maxDistance)
    {
        var e = Assert.Throws<ArgumentException>(() => RelativePositionBuckets.Build(bidirectional, buckets, maxDistance));
        Assert.Contains("elative attention has", e.Message, StringComparison.Ordinal);
        Assert.Contains("expected", e.Message, StringComparison.Ordinal);
    }

    static int BucketOf(int distance, int[] firstDistances)
    {
        int bucket = firstDistances.Length - 1;
        while (firstDistances[bucket] > distance) bucket--;
        return bucket;
    }
}
