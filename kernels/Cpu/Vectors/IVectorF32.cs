namespace DistillEngine.Kernels;

/// <summary>
/// Some float32 lanes: the instruction set of a CPU kernel, given as its type argument. The just-in-time compiler specialises every
/// kernel for each struct, so a kernel is written once and runs at any width, scalar included.
/// </summary>
public unsafe interface IVectorF32<TSelf> where TSelf : struct, IVectorF32<TSelf>
{
    /// <summary>Lanes: 1, 4, 8 or 16.</summary>
    static abstract int Count { get; }

    static abstract TSelf Zero { get; }
    static abstract TSelf Broadcast(float value);
    static abstract TSelf Load(float* source);
    static abstract void Store(TSelf value, float* destination);

    static abstract TSelf operator +(TSelf a, TSelf b);
    static abstract TSelf operator -(TSelf a, TSelf b);
    static abstract TSelf operator *(TSelf a, TSelf b);
    static abstract TSelf operator /(TSelf a, TSelf b);

    /// <summary>a · b + c, fused. Where the processor does not fuse the two they are done in double, in which the product is exact, and
    /// the sum is rounded to float32: a training step there takes 5.6 times as long as with two roundings in float32 (mini, <c>vector128</c> on a
    /// Zen 5), but what is recorded of trainings depends on them.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>The greater, NaN where one is. Takes three instructions on x86: <see cref="MaxNative"/> takes one.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>a &gt; b ? a : b in one instruction, so b where b is NaN; where only a is, b on x86 and NaN elsewhere.</summary>
    static abstract TSelf MaxNative(TSelf a, TSelf b);

    /// <summary>a &lt; b ? a : b in one instruction, so b where b is NaN; where only a is, b on x86 and NaN elsewhere.</summary>
    static abstract TSelf MinNative(TSelf a, TSelf b);

    /// <summary>|a|.</summary>
    static abstract TSelf Magnitude(TSelf a);

    /// <summary>−|a|.</summary>
    static abstract TSelf MinusMagnitude(TSelf a);

    /// <summary>The greater of a number that is not negative and |a|, a NaN being the greatest of all.</summary>
    static abstract TSelf MaxMagnitude(TSelf magnitude, TSelf a);

    static abstract TSelf Sqrt(TSelf a);

    /// <summary>a · 2ⁿ for integers n of −252 … 254, rounded once: two factors of half the exponent reach denormals and infinity.</summary>
    static abstract TSelf TimesPowerOfTwo(TSelf a, TSelf n);

    /// <summary>eˣ, as <see cref="Exponential"/> computes it: within 1.01 units in the last place of normal results; 0 for −∞.</summary>
    static abstract TSelf Exp(TSelf a);

    /// <summary>Per lane: whenGreater where a &gt; b, else otherwise.</summary>
    static abstract TSelf SelectGreater(TSelf a, TSelf b, TSelf whenGreater, TSelf otherwise);

    /// <summary>Sum of the lanes, by halving: a fixed order.</summary>
    static abstract float Sum(TSelf a);

    /// <summary>Greatest lane.</summary>
    static abstract float MaxAcross(TSelf a);

    /// <summary>Lane i: 0 where CounterRng.Draw(key, firstCounter + i) &lt; threshold, else keepScale.</summary>
    static abstract TSelf DropoutFactor(uint key, uint firstCounter, uint threshold, float keepScale);

    /// <summary>Σ source[i]² over so many whole vectors, in double: squares are exact, lanes are added by halving: a fixed order.</summary>
    static abstract double SumOfSquares(float* source, int vectors);

    /// <summary>Lanes taken as pairs of bfloat16: the first of each, exact.</summary>
    static abstract TSelf LowerBF16(TSelf bits);

    /// <summary>Lanes taken as pairs of bfloat16: the second of each, exact.</summary>
    static abstract TSelf UpperBF16(TSelf bits);

    /// <summary>So many bfloat16 numbers, exact.</summary>
    static abstract TSelf LoadBF16(ushort* source);

    /// <summary>Every lane the same 32 bits.</summary>
    static abstract TSelf BroadcastBits(int bits);

    /// <summary>The lower four bits of each of four bytes a lane.</summary>
    static abstract TSelf Nibbles(TSelf bits);

    /// <summary>Lanes shifted right by four bits: brings the upper nibbles down.</summary>
    static abstract TSelf NextNibbles(TSelf bits);

    /// <summary>Each lane two int16 numbers of 0 … 255: its bytes 0 and 2.</summary>
    static abstract TSelf EvenBytes(TSelf bits);

    /// <summary>Each lane two int16 numbers of 0 … 255: its bytes 1 and 3.</summary>
    static abstract TSelf OddBytes(TSelf bits);

    /// <summary>Stores the lowest byte of each lane.</summary>
    static abstract void StoreLowBytes(TSelf bits, sbyte* destination);

    /// <summary>Each lane int32: sum + first of a · first of b + second of a · second of b, where a and b hold pairs of int16.</summary>
    static abstract TSelf MultiplyAddPairs(TSelf a, TSelf b, TSelf sum);

    /// <summary>Lanes taken as int32, in float32, to nearest.</summary>
    static abstract TSelf FromInt32(TSelf bits);

    /// <summary>Lane i: 0 where CounterRng.Draw(bits of keys' lane i, counter) &lt; threshold, else keepScale.</summary>
    static abstract TSelf DropoutFactors(TSelf keys, uint counter, uint threshold, float keepScale);
}
