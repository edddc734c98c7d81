using System.Runtime.CompilerServices;
using DistillEngine.Core;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>Extents of an attention kernel whose threads share every row: constants of the compiled code.</summary>
interface IHeadShape
{
    /// <summary>Threads of a group, a power of two.</summary>
    static abstract int Threads { get; }

    /// <summary>Greatest head width, a multiple of 4; kernels that pad narrower heads do so with zeros.</summary>
    static abstract int Width { get; }
}

/// <summary>Extents of an attention kernel that keeps a head's row in registers.</summary>
interface IAttentionShape : IHeadShape
{
    /// <summary>Neighbouring threads of a warp that share a query or a key, a power of two. Shares of 32 elements keep loops over them so short
    /// that NVIDIA's assembler unrolls them, and three of them fit a thread's registers: both must be for none to lie in its memory.</summary>
    static abstract int RowThreads { get; }

    /// <summary>Rows of the other side in shared memory at a time.</summary>
    static abstract int TileRows { get; }

    /// <inheritdoc cref="IMatMulTile.MultiplyAdd"/>
    static abstract float MultiplyAdd(float a, float b, float c);

    /// <summary>The sum of what the threads of a row have, in each of them. All threads of the warp must call.</summary>
    static abstract float SumOfRow(float share);
}

/// <summary>T5's heads of 64 up to XL.</summary>
readonly struct SharedHeads64 : IAttentionShape
{
    public static int Threads => 128;
    public static int RowThreads => 2;
    public static int Width => 64;
    public static int TileRows => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => a * b + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfRow(float share) => share + Warp.ShuffleXor(share, 1);
}

/// <summary>T5-3B's and 11B's heads.</summary>
readonly struct SharedHeads128 : IAttentionShape
{
    public static int Threads => 256;
    public static int RowThreads => 4;
    public static int Width => 128;
    public static int TileRows => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => a * b + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfRow(float share)
    {
        float pair = share + Warp.ShuffleXor(share, 1);
        return pair + Warp.ShuffleXor(pair, 2);
    }
}

/// <summary>Heads of 64 on devices whose threads cannot exchange registers, <see cref="Gpu.HasShuffles"/>: a thread has rows of its own, and those that
/// its registers do not hold lie in its local memory.</summary>
readonly struct Heads64 : IAttentionShape
{
    public static int Threads => 64;
    public static int RowThreads => 1;
    public static int Width => 64;
    public static int TileRows => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => a * b + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfRow(float share) => share;
}

/// <summary>The same for heads of 128.</summary>
readonly struct Heads128 : IAttentionShape
{
    public static int Threads => 64;
    public static int RowThreads => 1;
    public static int Width => 128;
    public static int TileRows => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => a * b + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfRow(float share) => share;
}

/// <summary>A shape with half its threads, for as many fewer rows a group.</summary>
readonly struct Halved<TShape> : IAttentionShape where TShape : struct, IAttentionShape
{
    public static int Threads => TShape.Threads / 2;
    public static int RowThreads => TShape.RowThreads;
    public static int Width => TShape.Width;
    public static int TileRows => TShape.TileRows;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => TShape.MultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfRow(float share) => TShape.SumOfRow(share);
}

/// <summary>A shape with twice its threads.</summary>
readonly struct Doubled<TShape> : IAttentionShape where TShape : struct, IAttentionShape
{
    public static int Threads => TShape.Threads * 2;
    public static int RowThreads => TShape.RowThreads;
    public static int Width => TShape.Width;
    public static int TileRows => TShape.TileRows;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => TShape.MultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfRow(float share) => TShape.SumOfRow(share);
}

/// <summary>4 threads, as each is one of the operating system's on the emulator.</summary>
readonly struct EmulatedHeads : IAttentionShape
{
    public static int Threads => 4;
    public static int RowThreads => 2;
    public static int Width => 128;
    public static int TileRows => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfRow(float share) => share + Warp.ShuffleXor(share, 1);
}

/// <summary>Heads that no published T5 has: their rows pass through shared memory, <see cref="AttentionWide"/>.</summary>
readonly struct WideHeads : IHeadShape
{
    public static int Threads => 128;
    public static int Width => 1024;
}

/// <summary>The same on the emulator.</summary>
readonly struct EmulatedWideHeads : IHeadShape
{
    public static int Threads => 4;
    public static int Width => 256;
}

/// <summary>Numbers of a call.</summary>
struct AttentionNumbers
{
    public int Heads, Width, HeadWidth, Buckets, Reach;

    /// <summary>First bucket whose gradient a call sums.</summary>
    public int FirstBucket;

    /// <summary>1 or 0, as device code takes no bool in a structure.</summary>
    public int IsCausal, HasBias;
    public DropoutNumbers Dropout;

    /// <summary>The bias of a score.</summary>
    /// <param name="distance">Key position − query position.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly float Bias(ArrayView<float> table, ArrayView<int> bucketOfDistance, int distance, int head) =>
        HasBias != 0 ? table[bucketOfDistance[Entry(distance)] * Heads + head] : 0;

    /// <summary>Where a distance's bucket stands.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Entry(int distance)
    {
        int near = distance < Reach ? distance : Reach;
        return (near > -Reach ? near : -Reach) + Reach;
    }

    /// <summary>Dropout factor of a weight.</summary>
    /// <param name="rowKey"><see cref="CounterRng.RowKey"/> of the query.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly float Keep(uint rowKey, int head, int key) => Dropout.Factor(Dropout.Key ^ rowKey, ((uint)head << Attention.HeadShift) + (uint)key);
}

/// <summary>One sequence and head, as a group of an attention kernel sees it.</summary>
struct HeadSpan
{
    public int QueryStart, QueryCount, KeyStart, KeyCount, QueryPosition, Sequence, Head;

    /// <param name="index">Sequence · heads + head.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static HeadSpan Of(ArrayView<int> spans, int index, int heads)
    {
        int at = index / heads * AttentionSpan.Fields;
        return new()
        {
            QueryStart = spans[at], QueryCount = spans[at + 1], KeyStart = spans[at + 2], KeyCount = spans[at + 3],
            QueryPosition = spans[at + 4], Sequence = spans[at + 5], Head = index % heads,
        };
    }

    /// <summary>How many keys, from the first, a query sees.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Visible(int query, AttentionNumbers n)
    {
        int causal = QueryPosition + query + 1;
        return n.IsCausal != 0 && causal < KeyCount ? causal : KeyCount;
    }

    /// <summary>First element of a query's row of this head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly long Query(int query, AttentionNumbers n) => (long)(QueryStart + query) * n.Width + Head * n.HeadWidth;

    /// <summary>First element of a key's row of this head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly long Key(int key, AttentionNumbers n) => (long)(KeyStart + key) * n.Width + Head * n.HeadWidth;

    /// <summary>Index into logSumExp and delta.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly long Row(int query, AttentionNumbers n) => (long)(QueryStart + query) * n.Heads + Head;
}
