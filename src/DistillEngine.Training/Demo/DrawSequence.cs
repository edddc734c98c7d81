using DistillEngine.Core;

namespace DistillEngine.Training.Demo;

/// <summary>Draws of one stream in order: the same on every machine and runtime.</summary>
sealed class DrawSequence(ulong seed)
{
    readonly uint _key = CounterRng.Key(CounterRng.Mix((uint)seed), (uint)(seed >> 32));
    uint _counter;

    /// <summary>Uniform over 0 … <paramref name="bound"/> − 1, to within bound / 2³².</summary>
    public int Below(int bound) => (int)((ulong)CounterRng.Draw(_key, _counter++) * (uint)bound >> 32);

    /// <summary>Puts <paramref name="items"/> into a uniformly drawn order (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var last = items.Length - 1; last > 0; last--)
        {
            var other = Below(last + 1);
            (items[last], items[other]) = (items[other], items[last]);
        }
    }
}
