using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Model;

/// <summary>The relative position bias of one stack: a parameter of block 0 that all blocks use and to whose gradient all add.</summary>
sealed class StackBias
{
    readonly ParameterId _table;
    readonly Slot _buckets;
    readonly int[] _bucketOfDistance;

    public StackBias(ModelPlan plan, string stack, bool bidirectional)
    {
        T5Config c = plan.Config;
        _table = plan.Linear($"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias", c.RelativeBuckets, c.Heads,
            1 / Math.Sqrt(c.DModel), ParameterUse.Direct);
        _bucketOfDistance = RelativePositionBuckets.Build(bidirectional, c.RelativeBuckets, c.RelativeMaxDistance);
        _buckets = plan.Arena.Persistent($"{stack}.buckets", new(_bucketOfDistance.Length), DType.I32);
    }

    /// <summary>Brings the bucket table to the device, once.</summary>
    public void Upload(Pass pass, IDevice device) => device.Upload<int>(_bucketOfDistance, pass[_buckets]);

    public RelativeBias Values(Pass pass) => new(pass.Value(_table), pass[_buckets]);

    public Tensor Gradient(Pass pass) => pass.GradientSum(_table);
}
