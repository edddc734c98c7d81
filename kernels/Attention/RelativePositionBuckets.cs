namespace DistillEngine.Kernels;

/// <summary>T5's buckets of relative positions: near distances have one each, far ones share them logarithmically.</summary>
/// <remarks>
/// Source: Hugging Face modeling_t5.T5Attention._relative_position_bucket. The logarithm is taken in double, once on the host: in
/// float32 an error of one unit in the last place moves distances 16, 32 and 64 of the usual encoder setting by a bucket.
/// </remarks>
public static class RelativePositionBuckets
{
    /// <summary>Greatest accepted distance; longer sequences than this have no dropout counters either.</summary>
    public const int GreatestDistance = 1 << Attention.HeadShift;

    /// <param name="bidirectional">Whether keys after the query have buckets of their own (encoder) or share bucket 0 (decoder).</param>
    /// <param name="buckets">Both directions together; even and at least 4 when bidirectional, else at least 2.</param>
    /// <param name="maxDistance">
    /// From this distance on all share a direction's last bucket; more than its exact buckets, at most <see cref="GreatestDistance"/>.
    /// </param>
    /// <returns>[2 · maxDistance + 1]: the bucket of distance key − query = i − maxDistance, as in <see cref="RelativeBias"/>.</returns>
    /// <exception cref="ArgumentException">The settings leave no exact or no logarithmic buckets.</exception>
    public static int[] Build(bool bidirectional, int buckets, int maxDistance)
    {
        if (bidirectional && (buckets < 4 || buckets % 2 != 0))
        {
            throw new ArgumentException(
                $"Bidirectional relative attention has {buckets} buckets, expected an even number of at least 4.", nameof(buckets));
        }
        if (buckets < 2)
            throw new ArgumentException($"Relative attention has {buckets} buckets, expected at least 2.", nameof(buckets));
        int perDirection = bidirectional ? buckets / 2 : buckets;
        int exact = perDirection / 2;
        if (maxDistance <= exact || maxDistance > GreatestDistance)
        {
            throw new ArgumentException(
                $"Relative attention has a maximum distance of {maxDistance}, expected {exact + 1} to {GreatestDistance} "
                + $"for {buckets} buckets, {exact} of them exact in each direction.", nameof(maxDistance));
        }

        var table = new int[2 * maxDistance + 1];
        for (int i = 0; i < table.Length; i++)
        {
            int distance = i - maxDistance;
            bool isAfter = distance > 0;
            int far = bidirectional ? Math.Abs(distance) : -Math.Min(distance, 0);
            table[i] = (bidirectional && isAfter ? perDirection : 0) + Bucket(far, exact, perDirection, maxDistance);
        }
        return table;
    }

    static int Bucket(int distance, int exact, int perDirection, int maxDistance)
    {
        if (distance < exact) return distance;
        double share = Math.Log((double)distance / exact) / Math.Log((double)maxDistance / exact);
        return Math.Min(exact + (int)(share * (perDirection - exact)), perDirection - 1);
    }
}
