using System.Numerics;

namespace DistillEngine.Data.Batching;

/// <summary>NumPy's default generator: PCG64 (XSL-RR 128/64), seeded through SeedSequence.</summary>
/// <remarks>O'Neill 2014; the seeding and the 32-bit halves follow numpy/random (<c>_pcg64</c>, <c>bit_generator</c>) of NumPy 1.17 and
/// later.</remarks>
public sealed class Pcg64
{
    static readonly UInt128 Multiplier = new(0x2360ED051FC65DA4, 0x4385DF649FCCF645);
    readonly UInt128 _increment;
    UInt128 _state;
    uint _storedHalf;
    bool _hasStoredHalf;

    /// <param name="seed">As in <c>numpy.random.default_rng(seed)</c>.</param>
    public Pcg64(uint seed)
    {
        Span<ulong> words = stackalloc ulong[4];
        SeedWords(seed, words);
        _increment = (new UInt128(words[2], words[3]) << 1) | 1;
        _state = _increment + new UInt128(words[0], words[1]);
        Step();
    }

    /// <summary>The next 64 random bits.</summary>
    public ulong Next64()
    {
        Step();
        ulong high = (ulong)(_state >> 64), low = (ulong)_state;
        return BitOperations.RotateRight(high ^ low, (int)(high >> 58));
    }

    /// <summary>The next 32 random bits: each 64-bit output gives its lower half, then its upper.</summary>
    public uint Next32()
    {
        if (_hasStoredHalf)
        {
            _hasStoredHalf = false;
            return _storedHalf;
        }
        ulong bits = Next64();
        (_storedHalf, _hasStoredHalf) = ((uint)(bits >> 32), true);
        return (uint)bits;
    }

    /// <summary>A number from 0 to <paramref name="max"/>, by masking and rejecting (<c>random_interval</c>).</summary>
    public uint UpTo(uint max)
    {
        if (max == 0) return 0;
        uint mask = uint.MaxValue >> BitOperations.LeadingZeroCount(max);
        uint value;
        do value = Next32() & mask;
        while (value > max);
        return value;
    }

    /// <summary><c>Generator.permutation(count)</c>.</summary>
    public int[] Permutation(int count)
    {
        int[] values = new int[count];
        for (int i = 0; i < count; i++) values[i] = i;
        for (int i = count - 1; i > 0; i--)
        {
            int j = (int)UpTo((uint)i);
            (values[i], values[j]) = (values[j], values[i]);
        }
        return values;
    }

    void Step() => _state = _state * Multiplier + _increment;

    /// <summary>SeedSequence(seed).generate_state(4, uint64): a pool of four words, mixed all with all.</summary>
    static void SeedWords(uint seed, Span<ulong> words)
    {
        const int PoolSize = 4;
        Span<uint> pool = stackalloc uint[PoolSize];
        uint hash = 0x43B0D7E5;
        for (int i = 0; i < PoolSize; i++) pool[i] = HashMix(i == 0 ? seed : 0, ref hash, 0x931E8875);
        for (int source = 0; source < PoolSize; source++)
        {
            for (int destination = 0; destination < PoolSize; destination++)
            {
                if (source == destination) continue;
                uint mixed = 0xCA01F9DD * pool[destination] - 0x4973F715 * HashMix(pool[source], ref hash, 0x931E8875);
                pool[destination] = mixed ^ (mixed >> 16);
            }
        }
        hash = 0x8B51F9DD;
        for (int i = 0; i < words.Length; i++)
        {
            uint low = HashMix(pool[2 * i % PoolSize], ref hash, 0x58F38DED);
            uint high = HashMix(pool[(2 * i + 1) % PoolSize], ref hash, 0x58F38DED);
            words[i] = ((ulong)high << 32) | low;
        }
    }

    static uint HashMix(uint value, ref uint hash, uint multiplier)
    {
        value ^= hash;
        hash *= multiplier;
        value *= hash;
        return value ^ (value >> 16);
    }
}
