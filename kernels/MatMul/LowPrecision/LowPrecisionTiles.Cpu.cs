using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The innermost loops of products with packed weights: one or four rows of inputs by two vectors of outputs, along all inputs.
/// A step's weights are widened once for all rows, and each row's inputs are broadcast; nothing is added across lanes.
/// Bound: memory for one row; for four the multiply units, since 8 sums hide the latency of a fused multiply-add.
/// </summary>
/// <remarks>Sums are written as float32 [rows, 2 · lanes], before any scale. All loops take whole steps: padding is zeros.</remarks>
static unsafe class LowPrecisionTiles<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <param name="x">float32 [steps, 1, 2].</param>
    /// <param name="w0">First vector of bfloat16 pairs; the next step's lies <paramref name="stepBytes"/> further.</param>
    public static void BF16Row(float* x, byte* w0, byte* w1, int stepBytes, int steps, Ahead ahead, float* sums)
    {
        // One chain an output, as with four rows, so that a row's bits do not depend on its company.
        TVector a0 = TVector.Zero, a1 = TVector.Zero;
        for (; steps > 0; steps--, x += 2, w0 += stepBytes, w1 += stepBytes)
        {
            ahead.FetchPair();
            TVector v0 = TVector.Load((float*)w0), v1 = TVector.Load((float*)w1), value = TVector.Broadcast(x[0]);
            a0 = TVector.MultiplyAdd(value, TVector.LowerBF16(v0), a0);
            a1 = TVector.MultiplyAdd(value, TVector.LowerBF16(v1), a1);
            value = TVector.Broadcast(x[1]);
            a0 = TVector.MultiplyAdd(value, TVector.UpperBF16(v0), a0);
            a1 = TVector.MultiplyAdd(value, TVector.UpperBF16(v1), a1);
        }
        Put(a0, a1, sums);
    }

    /// <param name="x">float32 [steps, 4, 2].</param>
    public static void BF16Rows(float* x, byte* w0, byte* w1, int stepBytes, int steps, Ahead ahead, float* sums)
    {
        TVector a0 = TVector.Zero, a1 = TVector.Zero, b0 = TVector.Zero, b1 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, d0 = TVector.Zero, d1 = TVector.Zero;
        for (; steps > 0; steps--, x += 8, w0 += stepBytes, w1 += stepBytes)
        {
            ahead.FetchPair();
            TVector v0 = TVector.Load((float*)w0), v1 = TVector.Load((float*)w1);
            TVector lower0 = TVector.LowerBF16(v0), lower1 = TVector.LowerBF16(v1), upper0 = TVector.UpperBF16(v0), upper1 = TVector.UpperBF16(v1);
            TVector value = TVector.Broadcast(x[0]);
            a0 = TVector.MultiplyAdd(value, lower0, a0); a1 = TVector.MultiplyAdd(value, lower1, a1);
            value = TVector.Broadcast(x[2]);
            b0 = TVector.MultiplyAdd(value, lower0, b0); b1 = TVector.MultiplyAdd(value, lower1, b1);
            value = TVector.Broadcast(x[4]);
            c0 = TVector.MultiplyAdd(value, lower0, c0); c1 = TVector.MultiplyAdd(value, lower1, c1);
            value = TVector.Broadcast(x[6]);
            d0 = TVector.MultiplyAdd(value, lower0, d0); d1 = TVector.MultiplyAdd(value, lower1, d1);
            value = TVector.Broadcast(x[1]);
            a0 = TVector.MultiplyAdd(value, upper0, a0); a1 = TVector.MultiplyAdd(value, upper1, a1);
            value = TVector.Broadcast(x[3]);
            b0 = TVector.MultiplyAdd(value, upper0, b0); b1 = TVector.MultiplyAdd(value, upper1, b1);
            value = TVector.Broadcast(x[5]);
            c0 = TVector.MultiplyAdd(value, upper0, c0); c1 = TVector.MultiplyAdd(value, upper1, c1);
            value = TVector.Broadcast(x[7]);
            d0 = TVector.MultiplyAdd(value, upper0, d0); d1 = TVector.MultiplyAdd(value, upper1, d1);
        }
        Put(a0, a1, sums);
        Put(b0, b1, sums + 2 * TVector.Count);
        Put(c0, c1, sums + 4 * TVector.Count);
        Put(d0, d1, sums + 6 * TVector.Count);
    }

    /// <param name="x">Pairs of int16 [steps, 1].</param>
    /// <param name="w0">First vector of int8 pairs.</param>
    public static void Int8Row(int* x, byte* w0, byte* w1, int stepBytes, int steps, Ahead ahead, float* sums)
    {
        TVector a0 = TVector.Zero, a1 = TVector.Zero;
        for (; steps > 0; steps--, x++, w0 += stepBytes, w1 += stepBytes)
        {
            ahead.Fetch();
            TVector pair = TVector.BroadcastBits(*x);
            a0 = TVector.MultiplyAddPairs(TVector.LoadInt8Pairs((sbyte*)w0), pair, a0);
            a1 = TVector.MultiplyAddPairs(TVector.LoadInt8Pairs((sbyte*)w1), pair, a1);
        }
        Put(TVector.FromInt32(a0), TVector.FromInt32(a1), sums);
    }

    /// <param name="x">Pairs of int16 [steps, 4].</param>
    public static void Int8Rows(int* x, byte* w0, byte* w1, int stepBytes, int steps, Ahead ahead, float* sums)
    {
        TVector a0 = TVector.Zero, a1 = TVector.Zero, b0 = TVector.Zero, b1 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, d0 = TVector.Zero, d1 = TVector.Zero;
        for (; steps > 0; steps--, x += 4, w0 += stepBytes, w1 += stepBytes)
        {
            ahead.Fetch();
            TVector v0 = TVector.LoadInt8Pairs((sbyte*)w0), v1 = TVector.LoadInt8Pairs((sbyte*)w1);
            TVector pair = TVector.BroadcastBits(x[0]);
            a0 = TVector.MultiplyAddPairs(v0, pair, a0); a1 = TVector.MultiplyAddPairs(v1, pair, a1);
            pair = TVector.BroadcastBits(x[1]);
            b0 = TVector.MultiplyAddPairs(v0, pair, b0); b1 = TVector.MultiplyAddPairs(v1, pair, b1);
            pair = TVector.BroadcastBits(x[2]);
            c0 = TVector.MultiplyAddPairs(v0, pair, c0); c1 = TVector.MultiplyAddPairs(v1, pair, c1);
            pair = TVector.BroadcastBits(x[3]);
            d0 = TVector.MultiplyAddPairs(v0, pair, d0); d1 = TVector.MultiplyAddPairs(v1, pair, d1);
        }
        Put(TVector.FromInt32(a0), TVector.FromInt32(a1), sums);
        Put(TVector.FromInt32(b0), TVector.FromInt32(b1), sums + 2 * TVector.Count);
        Put(TVector.FromInt32(c0), TVector.FromInt32(c1), sums + 4 * TVector.Count);
        Put(TVector.FromInt32(d0), TVector.FromInt32(d1), sums + 6 * TVector.Count);
    }

    /// <param name="x">Pairs of int16 [blocks, 16, 1].</param>
    /// <param name="offsets">int32 [blocks, 1]: −8 times the sum of a block's inputs, since packed numbers are 8 too large.</param>
    /// <param name="w0">First vector of words of eight weights; a block holds four steps.</param>
    /// <param name="scales0">bfloat16; the next block's lie a group's outputs further.</param>
    public static void Int4Row(int* x, int* offsets, byte* w0, byte* w1, ushort* scales0, ushort* scales1, int stepBytes, int blocks, Ahead ahead, float* sums)
    {
        TVector a0 = TVector.Zero, a1 = TVector.Zero;
        for (; blocks > 0; blocks--, offsets++, scales0 += PackedWeight.GroupOutputs, scales1 += PackedWeight.GroupOutputs)
        {
            TVector s0 = TVector.BroadcastBits(*offsets), s1 = s0;
            for (int step = 0; step < 4; step++, w0 += stepBytes, w1 += stepBytes)
            {
                ahead.FetchPair();
                TVector word0 = TVector.Load((float*)w0), word1 = TVector.Load((float*)w1);
                for (int pairs = 0; pairs < 4; pairs++, x++)
                {
                    TVector pair = TVector.BroadcastBits(*x);
                    s0 = TVector.MultiplyAddPairs(TVector.NibblePairs(word0), pair, s0);
                    s1 = TVector.MultiplyAddPairs(TVector.NibblePairs(word1), pair, s1);
                    word0 = TVector.NextNibbles(word0);
                    word1 = TVector.NextNibbles(word1);
                }
            }
            a0 = TVector.MultiplyAdd(TVector.FromInt32(s0), TVector.LoadBF16(scales0), a0);
            a1 = TVector.MultiplyAdd(TVector.FromInt32(s1), TVector.LoadBF16(scales1), a1);
        }
        Put(a0, a1, sums);
    }

    /// <param name="x">Pairs of int16 [blocks, 16, 4].</param>
    /// <param name="offsets">int32 [blocks, 4].</param>
    public static void Int4Rows(int* x, int* offsets, byte* w0, byte* w1, ushort* scales0, ushort* scales1, int stepBytes, int blocks, Ahead ahead, float* sums)
    {
        TVector a0 = TVector.Zero, a1 = TVector.Zero, b0 = TVector.Zero, b1 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, d0 = TVector.Zero, d1 = TVector.Zero;
        for (; blocks > 0; blocks--, offsets += 4, scales0 += PackedWeight.GroupOutputs, scales1 += PackedWeight.GroupOutputs)
        {
            TVector p0 = TVector.BroadcastBits(offsets[0]), q0 = TVector.BroadcastBits(offsets[1]);
            TVector r0 = TVector.BroadcastBits(offsets[2]), s0 = TVector.BroadcastBits(offsets[3]);
            TVector p1 = p0, q1 = q0, r1 = r0, s1 = s0;
            for (int step = 0; step < 4; step++, w0 += stepBytes, w1 += stepBytes)
            {
                ahead.FetchPair();
                TVector word0 = TVector.Load((float*)w0), word1 = TVector.Load((float*)w1);
                for (int pairs = 0; pairs < 4; pairs++, x += 4)
                {
                    TVector v0 = TVector.NibblePairs(word0), v1 = TVector.NibblePairs(word1);
                    (word0, word1) = (TVector.NextNibbles(word0), TVector.NextNibbles(word1));
                    TVector pair = TVector.BroadcastBits(x[0]);
                    p0 = TVector.MultiplyAddPairs(v0, pair, p0); p1 = TVector.MultiplyAddPairs(v1, pair, p1);
                    pair = TVector.BroadcastBits(x[1]);
                    q0 = TVector.MultiplyAddPairs(v0, pair, q0); q1 = TVector.MultiplyAddPairs(v1, pair, q1);
                    pair = TVector.BroadcastBits(x[2]);
                    r0 = TVector.MultiplyAddPairs(v0, pair, r0); r1 = TVector.MultiplyAddPairs(v1, pair, r1);
                    pair = TVector.BroadcastBits(x[3]);
                    s0 = TVector.MultiplyAddPairs(v0, pair, s0); s1 = TVector.MultiplyAddPairs(v1, pair, s1);
                }
            }
            TVector scale0 = TVector.LoadBF16(scales0), scale1 = TVector.LoadBF16(scales1);
            a0 = TVector.MultiplyAdd(TVector.FromInt32(p0), scale0, a0); a1 = TVector.MultiplyAdd(TVector.FromInt32(p1), scale1, a1);
            b0 = TVector.MultiplyAdd(TVector.FromInt32(q0), scale0, b0); b1 = TVector.MultiplyAdd(TVector.FromInt32(q1), scale1, b1);
            c0 = TVector.MultiplyAdd(TVector.FromInt32(r0), scale0, c0); c1 = TVector.MultiplyAdd(TVector.FromInt32(r1), scale1, c1);
            d0 = TVector.MultiplyAdd(TVector.FromInt32(s0), scale0, d0); d1 = TVector.MultiplyAdd(TVector.FromInt32(s1), scale1, d1);
        }
        Put(a0, a1, sums);
        Put(b0, b1, sums + 2 * TVector.Count);
        Put(c0, c1, sums + 4 * TVector.Count);
        Put(d0, d1, sums + 6 * TVector.Count);
    }

    /// <summary>Reads that are started early, since the processor's own prefetch stops at the end of every page.</summary>
    /// <param name="next">What the first step starts to read.</param>
    /// <param name="stride">Bytes by which each step goes on: those of a step, or a part of them where several panels share a group, so that
    /// memory is busy while all of them are computed.</param>
    public struct Ahead(byte* next, long stride)
    {
        byte* _next = next;

        /// <summary>For steps of one cache line.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Fetch()
        {
            if (Sse.IsSupported) Sse.Prefetch0(_next);
            _next += stride;
        }

        /// <summary>For steps of two cache lines.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void FetchPair()
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(_next);
                Sse.Prefetch0(_next + stride / 2);
            }
            _next += stride;
        }
    }

    static void Put(TVector first, TVector second, float* sums)
    {
        TVector.Store(first, sums);
        TVector.Store(second, sums + TVector.Count);
    }
}
