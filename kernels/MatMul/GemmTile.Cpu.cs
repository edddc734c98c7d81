using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The innermost loop of every product: one tile of the result, as wide as the registers allow, from two packed panels.
/// Bound: compute. A step of the contracted axis loads two vectors and broadcasts one number a row for 2 · Rows fused multiply-adds.
/// </summary>
static unsafe class GemmTile<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Rows of a tile: processors with 512-bit vectors have 32 registers, which hold 16 sums; with 16 registers 12 sums fit.</summary>
    public static int Rows => TVector.Count == 16 ? 8 : 6;

    /// <summary>Columns of a tile: two vectors.</summary>
    public static int Columns => 2 * TVector.Count;

    /// <summary>c = or += a b over <paramref name="depth"/> steps of the contracted axis.</summary>
    /// <param name="a">Packed [depth, Rows].</param>
    /// <param name="b">Packed [depth, Columns].</param>
    /// <param name="c">[Rows, Columns], rows <paramref name="stride"/> elements apart.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(float* a, float* b, int depth, Into into, float* c, long stride)
    {
        if (TVector.Count == 16) Multiply8(a, b, depth, into, c, stride);
        else Multiply6(a, b, depth, into, c, stride);
    }

    // The sums are locals with names, since the just-in-time compiler keeps no array in registers.
    static void Multiply8(float* a, float* b, int depth, Into into, float* c, long stride)
    {
        TVector c00 = TVector.Zero, c01 = TVector.Zero, c10 = TVector.Zero, c11 = TVector.Zero;
        TVector c20 = TVector.Zero, c21 = TVector.Zero, c30 = TVector.Zero, c31 = TVector.Zero;
        TVector c40 = TVector.Zero, c41 = TVector.Zero, c50 = TVector.Zero, c51 = TVector.Zero;
        TVector c60 = TVector.Zero, c61 = TVector.Zero, c70 = TVector.Zero, c71 = TVector.Zero;
        for (; depth > 0; depth--, a += 8, b += 2 * TVector.Count)
        {
            TVector b0 = TVector.Load(b), b1 = TVector.Load(b + TVector.Count);
            TVector row = TVector.Broadcast(a[0]);
            c00 = TVector.MultiplyAdd(row, b0, c00); c01 = TVector.MultiplyAdd(row, b1, c01);
            row = TVector.Broadcast(a[1]);
            c10 = TVector.MultiplyAdd(row, b0, c10); c11 = TVector.MultiplyAdd(row, b1, c11);
            row = TVector.Broadcast(a[2]);
            c20 = TVector.MultiplyAdd(row, b0, c20); c21 = TVector.MultiplyAdd(row, b1, c21);
            row = TVector.Broadcast(a[3]);
            c30 = TVector.MultiplyAdd(row, b0, c30); c31 = TVector.MultiplyAdd(row, b1, c31);
            row = TVector.Broadcast(a[4]);
            c40 = TVector.MultiplyAdd(row, b0, c40); c41 = TVector.MultiplyAdd(row, b1, c41);
            row = TVector.Broadcast(a[5]);
            c50 = TVector.MultiplyAdd(row, b0, c50); c51 = TVector.MultiplyAdd(row, b1, c51);
            row = TVector.Broadcast(a[6]);
            c60 = TVector.MultiplyAdd(row, b0, c60); c61 = TVector.MultiplyAdd(row, b1, c61);
            row = TVector.Broadcast(a[7]);
            c70 = TVector.MultiplyAdd(row, b0, c70); c71 = TVector.MultiplyAdd(row, b1, c71);
        }
        StoreRow(c00, c01, into, c);
        StoreRow(c10, c11, into, c + stride);
        StoreRow(c20, c21, into, c + 2 * stride);
        StoreRow(c30, c31, into, c + 3 * stride);
        StoreRow(c40, c41, into, c + 4 * stride);
        StoreRow(c50, c51, into, c + 5 * stride);
        StoreRow(c60, c61, into, c + 6 * stride);
        StoreRow(c70, c71, into, c + 7 * stride);
    }

    static void Multiply6(float* a, float* b, int depth, Into into, float* c, long stride)
    {
        TVector c00 = TVector.Zero, c01 = TVector.Zero, c10 = TVector.Zero, c11 = TVector.Zero;
        TVector c20 = TVector.Zero, c21 = TVector.Zero, c30 = TVector.Zero, c31 = TVector.Zero;
        TVector c40 = TVector.Zero, c41 = TVector.Zero, c50 = TVector.Zero, c51 = TVector.Zero;
        for (; depth > 0; depth--, a += 6, b += 2 * TVector.Count)
        {
            TVector b0 = TVector.Load(b), b1 = TVector.Load(b + TVector.Count);
            TVector row = TVector.Broadcast(a[0]);
            c00 = TVector.MultiplyAdd(row, b0, c00); c01 = TVector.MultiplyAdd(row, b1, c01);
            row = TVector.Broadcast(a[1]);
            c10 = TVector.MultiplyAdd(row, b0, c10); c11 = TVector.MultiplyAdd(row, b1, c11);
            row = TVector.Broadcast(a[2]);
            c20 = TVector.MultiplyAdd(row, b0, c20); c21 = TVector.MultiplyAdd(row, b1, c21);
            row = TVector.Broadcast(a[3]);
            c30 = TVector.MultiplyAdd(row, b0, c30); c31 = TVector.MultiplyAdd(row, b1, c31);
            row = TVector.Broadcast(a[4]);
            c40 = TVector.MultiplyAdd(row, b0, c40); c41 = TVector.MultiplyAdd(row, b1, c41);
            row = TVector.Broadcast(a[5]);
            c50 = TVector.MultiplyAdd(row, b0, c50); c51 = TVector.MultiplyAdd(row, b1, c51);
        }
        StoreRow(c00, c01, into, c);
        StoreRow(c10, c11, into, c + stride);
        StoreRow(c20, c21, into, c + 2 * stride);
        StoreRow(c30, c31, into, c + 3 * stride);
        StoreRow(c40, c41, into, c + 4 * stride);
        StoreRow(c50, c51, into, c + 5 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreRow(TVector left, TVector right, Into into, float* c)
    {
        if (into == Into.Add)
        {
            left += TVector.Load(c);
            right += TVector.Load(c + TVector.Count);
        }
        TVector.Store(left, c);
        TVector.Store(right, c + TVector.Count);
    }
}
