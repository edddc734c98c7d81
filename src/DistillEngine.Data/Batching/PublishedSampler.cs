namespace DistillEngine.Data.Batching;

/// <summary>
/// The order in which the published code draws the train rows: torch's RandomSampler over a generator of its own, seeded from the global
/// generator. Each epoch takes two permutations from that generator, of which the second serves a remainder that is always empty.
/// </summary>
/// <remarks>The first epoch is held to recorded orders; that later epochs skip one permutation follows torch's RandomSampler (1.11 and
/// later).</remarks>
public sealed class PublishedSampler
{
    readonly uint _seed;
    readonly MersenneTwister _generator;
    readonly int _count;
    int _nextEpoch;

    /// <param name="run">The published <c>--run</c>: the seed of the global generator.</param>
    /// <param name="count">Rows of the train split.</param>
    public PublishedSampler(uint run, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        _generator = new MersenneTwister(run);
        ulong high = _generator.Next();
        GeneratorSeed = ((high << 32) | _generator.Next()) & long.MaxValue;
        _seed = (uint)GeneratorSeed;
        _generator.Reseed(_seed);
        _count = count;
    }

    /// <summary>Seed of the sampler's generator, as the published run shows it.</summary>
    public ulong GeneratorSeed { get; }

    /// <summary>Writes the order of an epoch, counted from 0. Going on from the epoch before is fastest; any other is replayed from the
    /// start.</summary>
    /// <param name="order">int32 [count]; overwritten by the positions 0 … count − 1.</param>
    public void Fill(int epoch, Span<int> order)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        if (order.Length != _count)
            throw new ArgumentException($"The order has room for {order.Length} rows (expected {_count}).", nameof(order));
        if (epoch < _nextEpoch)
        {
            _generator.Reseed(_seed);
            _nextEpoch = 0;
        }
        for (; _nextEpoch < epoch; _nextEpoch++) Skip(2);
        for (int i = 0; i < _count; i++) order[i] = i;
        for (int i = 0; i < _count - 1; i++)
        {
            int j = i + (int)(_generator.Next() % (uint)(_count - i));
            (order[i], order[j]) = (order[j], order[i]);
        }
        Skip(1);
        _nextEpoch++;
    }

    void Skip(int permutations)
    {
        for (long i = 0; i < (long)permutations * (_count - 1); i++) _generator.Next();
    }
}
