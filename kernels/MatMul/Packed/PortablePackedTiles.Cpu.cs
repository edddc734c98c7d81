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
static unsafe class PortablePackedTiles<TVector> where TVector : struct, IVectorF32<TVector>
{
    // Words of eight weights in a block of int4.
    const int BlockWords = PackedWeight.BlockInputs / 8;

    /// <param name="x">float32 [steps, 1, 2].</param>
    /// <param name="w0">First vector of bfloat16 pairs; the next step's lies <paramref name="stepBytes"/> further.</param>
    public static void BF16Row(float* x, byte* w0, byte* w1, int stepBytes, int steps, Ahead ahead, float* sums)
    {
        // One chain an output, as with four rows, so that a row's bits do not depend on its company.
        TVector a0 = TVector.Zero, a1 = TVector.Zero;
        for (; steps > 0; steps--, x += 2, w0 += stepBytes, w1 += stepBytes)
        {
            ahead.Fetch();
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
            ahead.Fetch();
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

    /// <param name="x">Pairs of int16 [steps, 1, 2].</param>
    /// <param name="offset">What sums begin with.</param>
    /// <param name="w0">First vector of four bytes a lane.</param>
    public static void Int8Row(int* x, int offset, byte* w0, byte* w1, int stepBytes, int steps, Ahead ahead, float* sums)
    {
        TVector a0 = TVector.BroadcastBits(offset), a1 = a0;
        for (; steps > 0; steps--, x += 2, w0 += stepBytes, w1 += stepBytes)
        {
            ahead.Fetch();
            TVector v0 = TVector.Load((float*)w0), v1 = TVector.Load((float*)w1), pair = TVector.BroadcastBits(x[0]);
            a0 = TVector.MultiplyAddPairs(TVector.EvenBytes(v0), pair, a0);
            a1 = TVector.MultiplyAddPairs(TVector.EvenBytes(v1), pair, a1);
            pair = TVector.BroadcastBits(x[1]);
            a0 = TVector.MultiplyAddPairs(TVector.OddBytes(v0), pair, a0);
            a1 = TVector.MultiplyAddPairs(TVector.OddBytes(v1), pair, a1);
        }
        Put(TVector.FromInt32(a0), TVector.FromInt32(a1), sums);
    }

    /// <param name="x">Pairs of int16 [steps, 4, 2].</param>
    /// <param name="offsets">int32 [4].</param>
    public static void Int8Rows(int* x, int* offsets, byte* w0, byte* w1, int stepBytes, int steps, Ahead ahead, float* sums)
    {
        var s = new RowSums(offsets);
        for (; steps > 0; steps--, x += 8, w0 += stepBytes, w1 += stepBytes)
        {
            ahead.Fetch();
            s.Add(TVector.Load((float*)w0), TVector.Load((float*)w1), x);
        }
        Put(TVector.FromInt32(s.A0), TVector.FromInt32(s.A1), sums);
        Put(TVector.FromInt32(s.B0), TVector.FromInt32(s.B1), sums + 2 * TVector.Count);
        Put(TVector.FromInt32(s.C0), TVector.FromInt32(s.C1), sums + 4 * TVector.Count);
        Put(TVector.FromInt32(s.D0), TVector.FromInt32(s.D1), sums + 6 * TVector.Count);
    }

    /// <param name="x">Pairs of int16 [blocks, 8, 1, 2].</param>
    /// <param name="offsets">int32 [blocks, 1].</param>
    /// <param name="w0">First vector of words of eight weights; a block holds four.</param>
    /// <param name="scales0">bfloat16; the next block's lie a group's outputs further.</param>
    public static void Int4Row(int* x, int* offsets, byte* w0, byte* w1, ushort* scales0, ushort* scales1, int stepBytes, int blocks, Ahead ahead, float* sums)
    {
        TVector a0 = TVector.Zero, a1 = TVector.Zero;
        for (; blocks > 0; blocks--, offsets++, scales0 += PackedWeight.GroupOutputs, scales1 += PackedWeight.GroupOutputs)
        {
            TVector s0 = TVector.BroadcastBits(*offsets), s1 = s0;
            for (int step = 0; step < BlockWords; step++, w0 += stepBytes, w1 += stepBytes)
            {
                ahead.Fetch();
                TVector word0 = TVector.Load((float*)w0), word1 = TVector.Load((float*)w1);
                for (int half = 0; half < 2; half++, x += 2, word0 = TVector.NextNibbles(word0), word1 = TVector.NextNibbles(word1))
                {
                    TVector v0 = TVector.Nibbles(word0), v1 = TVector.Nibbles(word1), pair = TVector.BroadcastBits(x[0]);
                    s0 = TVector.MultiplyAddPairs(TVector.EvenBytes(v0), pair, s0);
                    s1 = TVector.MultiplyAddPairs(TVector.EvenBytes(v1), pair, s1);
                    pair = TVector.BroadcastBits(x[1]);
                    s0 = TVector.MultiplyAddPairs(TVector.OddBytes(v0), pair, s0);
                    s1 = TVector.MultiplyAddPairs(TVector.OddBytes(v1), pair, s1);
                }
            }
            a0 = TVector.MultiplyAdd(TVector.FromInt32(s0), TVector.LoadBF16(scales0), a0);
            a1 = TVector.MultiplyAdd(TVector.FromInt32(s1), TVector.LoadBF16(scales1), a1);
        }
        Put(a0, a1, sums);
    }

    /// <param name="x">Pairs of int16 [blocks, 8, 4, 2].</param>
    /// <param name="offsets">int32 [blocks, 4].</param>
    public static void Int4Rows(int* x, int* offsets, byte* w0, byte* w1, ushort* scales0, ushort* scales1, int stepBytes, int blocks, Ahead ahead, float* sums)
    {
        TVector a0 = TVector.Zero, a1 = TVector.Zero, b0 = TVector.Zero, b1 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, d0 = TVector.Zero, d1 = TVector.Zero;
        for (; blocks > 0; blocks--, offsets += 4, scales0 += PackedWeight.GroupOutputs, scales1 += PackedWeight.GroupOutputs)
        {
            var s = new RowSums(offsets);
            for (int step = 0; step < BlockWords; step++, x += 16, w0 += stepBytes, w1 += stepBytes)
            {
                ahead.Fetch();
                TVector word0 = TVector.Load((float*)w0), word1 = TVector.Load((float*)w1);
                s.Add(TVector.Nibbles(word0), TVector.Nibbles(word1), x);
                s.Add(TVector.Nibbles(TVector.NextNibbles(word0)), TVector.Nibbles(TVector.NextNibbles(word1)), x + 8);
            }
            TVector scale0 = TVector.LoadBF16(scales0), scale1 = TVector.LoadBF16(scales1);
            a0 = TVector.MultiplyAdd(TVector.FromInt32(s.A0), scale0, a0); a1 = TVector.MultiplyAdd(TVector.FromInt32(s.A1), scale1, a1);
            b0 = TVector.MultiplyAdd(TVector.FromInt32(s.B0), scale0, b0); b1 = TVector.MultiplyAdd(TVector.FromInt32(s.B1), scale1, b1);
            c0 = TVector.MultiplyAdd(TVector.FromInt32(s.C0), scale0, c0); c1 = TVector.MultiplyAdd(TVector.FromInt32(s.C1), scale1, c1);
            d0 = TVector.MultiplyAdd(TVector.FromInt32(s.D0), scale0, d0); d1 = TVector.MultiplyAdd(TVector.FromInt32(s.D1), scale1, d1);
        }
        Put(a0, a1, sums);
        Put(b0, b1, sums + 2 * TVector.Count);
        Put(c0, c1, sums + 4 * TVector.Count);
        Put(d0, d1, sums + 6 * TVector.Count);
    }

    /// <summary>int32 sums of four rows by two vectors of outputs.</summary>
    struct RowSums
    {
        public TVector A0, A1, B0, B1, C0, C1, D0, D1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public RowSums(int* offsets)
        {
            A0 = A1 = TVector.BroadcastBits(offsets[0]);
            B0 = B1 = TVector.BroadcastBits(offsets[1]);
            C0 = C1 = TVector.BroadcastBits(offsets[2]);
            D0 = D1 = TVector.BroadcastBits(offsets[3]);
        }

        /// <param name="v0">Four weights a lane, 0 … 255.</param>
        /// <param name="x">Pairs of int16 [4, 2].</param>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(TVector v0, TVector v1, int* x)
        {
            TVector even0 = TVector.EvenBytes(v0), even1 = TVector.EvenBytes(v1), odd0 = TVector.OddBytes(v0), odd1 = TVector.OddBytes(v1);
            TVector even = TVector.BroadcastBits(x[0]), odd = TVector.BroadcastBits(x[1]);
            A0 = TVector.MultiplyAddPairs(odd0, odd, TVector.MultiplyAddPairs(even0, even, A0));
            A1 = TVector.MultiplyAddPairs(odd1, odd, TVector.MultiplyAddPairs(even1, even, A1));
            (even, odd) = (TVector.BroadcastBits(x[2]), TVector.BroadcastBits(x[3]));
            B0 = TVector.MultiplyAddPairs(odd0, odd, TVector.MultiplyAddPairs(even0, even, B0));
            B1 = TVector.MultiplyAddPairs(odd1, odd, TVector.MultiplyAddPairs(even1, even, B1));
            (even, odd) = (TVector.BroadcastBits(x[4]), TVector.BroadcastBits(x[5]));
            C0 = TVector.MultiplyAddPairs(odd0, odd, TVector.MultiplyAddPairs(even0, even, C0));
            C1 = TVector.MultiplyAddPairs(odd1, odd, TVector.MultiplyAddPairs(even1, even, C1));
            (even, odd) = (TVector.BroadcastBits(x[6]), TVector.BroadcastBits(x[7]));
            D0 = TVector.MultiplyAddPairs(odd0, odd, TVector.MultiplyAddPairs(even0, even, D0));
            D1 = TVector.MultiplyAddPairs(odd1, odd, TVector.MultiplyAddPairs(even1, even, D1));
        }
    }

    /// <summary>Reads that are started early, since the processor's own prefetch stops at the end of every page.</summary>
    /// <param name="next">What the first step starts to read.</param>
    /// <param name="halfStride">Half of the bytes by which each step goes on: those of a step, or a part of them where several panels share a
    /// group, so that memory is busy while all of them are computed.</param>
    public struct Ahead(byte* next, long halfStride)
    {
        byte* _next = next;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Fetch()
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(_next);
                Sse.Prefetch0(_next + halfStride);
            }
            _next += 2 * halfStride;
        }
    }

    static void Put(TVector first, TVector second, float* sums)
    {
        TVector.Store(first, sums);
        TVector.Store(second, sums + TVector.Count);
    }
}
