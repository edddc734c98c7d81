using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>T5's bucketed relative position bias; <c>default</c> is none (cross-attention).</summary>
/// <param name="Table">float32 [buckets, heads].</param>
/// <param name="BucketOfDistance">int32 [2R + 1]: bucket of distance key − query = i − R; greater distances take the ends' buckets.</param>
public readonly record struct RelativeBias(Tensor Table, Tensor BucketOfDistance)
{
    public bool IsAbsent => Table.IsAbsent;

    /// <summary>Greatest distance with an entry of its own, R.</summary>
    public int Reach => (BucketOfDistance.Shape.D0 - 1) / 2;
}
