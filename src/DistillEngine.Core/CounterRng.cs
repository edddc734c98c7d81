using System.Runtime.CompilerServices;

namespace DistillEngine.Core;

/// <summary>
/// Random numbers without state: each is a function of its key and its place, so that forward, backward, resumed runs and every
/// device draw the same values in any order. 32-bit integer operations only, which every vector unit and GPU has.
/// </summary>
/// <remarks>The mixer is the two-multiply, three-xorshift bijection "lowbias32" (Chris Wellons, hash-prospector, 2018).</remarks>
public static class CounterRng
{
    public const uint Multiplier1 = 0x7feb352d;
    public const uint Multiplier2 = 0x846ca68b;

    /// <summary>Odd increment (2³²/φ) that spreads consecutive counters over the input space of the mixer.</summary>
    public const uint Golden = 0x9e3779b9;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Mix(uint x)
    {
        x ^= x >> 16;
        x *= Multiplier1;
        x ^= x >> 15;
        x *= Multiplier2;
        return x ^ (x >> 16);
    }

    /// <summary>The draw with number <paramref name="counter"/> of the stream <paramref name="key"/>; uniform over 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Draw(uint key, uint counter) => Mix(Mix(counter * Golden + key) ^ key);

    /// <summary>Key of a stream within a stream.</summary>
    public static uint Key(uint key, uint part) => Mix(key + Golden * (part + 1));

    /// <summary>Key of one use in one step: seed, step (from 1) and site (an op's fixed number within the model).</summary>
    public static uint SiteKey(ulong seed, long step, int site) =>
        Key(Key(Key(Key(Mix((uint)seed), (uint)(seed >> 32)), (uint)step), (uint)((ulong)step >> 32)), (uint)site);

    /// <summary>Key of a packed token row: the sequence's number within the step and the token's position, whatever the packing.</summary>
    public static uint RowKey(int sequence, int position) => Key(Key(0, (uint)sequence), (uint)position);
}
