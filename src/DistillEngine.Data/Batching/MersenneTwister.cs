namespace DistillEngine.Data.Batching;

/// <summary>MT19937 (Matsumoto and Nishimura 1998), the generator behind the published order of rows.</summary>
public sealed class MersenneTwister
{
    const int Size = 624;
    const int Middle = 397;
    readonly uint[] _state = new uint[Size];
    int _next;

    public MersenneTwister(uint seed) => Reseed(seed);

    /// <summary>Starts over, without allocating.</summary>
    public void Reseed(uint seed)
    {
        _state[0] = seed;
        for (uint i = 1; i < Size; i++) _state[i] = 1812433253 * (_state[i - 1] ^ (_state[i - 1] >> 30)) + i;
        _next = Size;
    }

    /// <summary>The next 32 random bits.</summary>
    public uint Next()
    {
        if (_next == Size) Twist();
        uint y = _state[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680;
        y ^= (y << 15) & 0xEFC60000;
        return y ^ (y >> 18);
    }

    void Twist()
    {
        for (int i = 0; i < Size; i++)
        {
            uint y = (_state[i] & 0x80000000) | (_state[(i + 1) % Size] & 0x7FFFFFFF);
            _state[i] = _state[(i + Middle) % Size] ^ (y >> 1) ^ ((y & 1) * 0x9908B0DF);
        }
        _next = 0;
    }
}
