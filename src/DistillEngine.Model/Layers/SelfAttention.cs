using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Model;

/// <summary>Self-attention of the encoder (all keys) or the decoder (causal), with the stack's relative bias.</summary>
/// <remarks>Source: Hugging Face modeling_t5.T5LayerSelfAttention.</remarks>
sealed class SelfAttention : SubLayer
{
    readonly AttentionWeights _weights;
    readonly StackBias _bias;
    readonly Masking _masking;
    readonly Slot _q, _k, _v, _context, _logSumExp, _dContext, _dK, _dV, _tablePartials;
    readonly int _heads, _layer, _site;

    public SelfAttention(ModelPlan plan, string prefix, int rows, int layer, Masking masking, StackBias bias) : base(plan, prefix, rows)
    {
        T5Config c = plan.Config;
        Shape inner = new(rows, c.InnerWidth);
        (_heads, _layer, _masking, _bias) = (c.Heads, layer, masking, bias);
        _weights = new AttentionWeights(plan, $"{prefix}.SelfAttention");
        _q = plan.Arena.Saved($"{prefix}.q", inner);
        _k = plan.Arena.Saved($"{prefix}.k", inner);
        _v = plan.Arena.Saved($"{prefix}.v", inner);
        _context = plan.Arena.Saved($"{prefix}.context", inner);
        _logSumExp = plan.Arena.Saved($"{prefix}.log_sum_exp", new(rows, c.Heads));
        _site = plan.NewDropoutSite();
        if (!plan.Training) return;
        _dContext = plan.Arena.Scratch($"{prefix}.d_context", inner);
        _dK = plan.Arena.Scratch($"{prefix}.d_k", inner);
        _dV = plan.Arena.Scratch($"{prefix}.d_v", inner);
        _tablePartials = plan.Arena.Scratch($"{prefix}.table_partials", new(plan.Limits.MaxSequences, c.Heads * c.RelativeBuckets));
    }

    protected override void BranchActivate(Pass pass, in RowSet rows, Tensor norm)
    {
        var (ops, n) = (pass.Kernels, rows.Count);
        Tensor q = pass[_q, n], k = pass[_k, n], v = pass[_v, n], context = pass[_context, n];
        ops.MatMul.ForwardShared(norm, [pass.Weight(_weights.Q), pass.Weight(_weights.K), pass.Weight(_weights.V)], [q, k, v]);
        if (_masking == Masking.Causal && pass.Cache is { } cache) (k, v) = cache.Append(ops, _layer, k, v);
        ops.Attention.Forward(q, k, v, rows.SelfSpans, _heads, _masking, _bias.Values(pass), pass.Dropout(_site), context, pass[_logSumExp, n]);
    }

    protected override void Project(Pass pass, in RowSet rows, Into into, Tensor y) =>
        pass.Kernels.MatMul.Forward(pass[_context, rows.Count], pass.Weight(_weights.O), into, y);

    protected override void BranchBackward(Pass pass, in RowSet rows, Tensor norm, Tensor dBranch, Tensor dNorm)
    {
        var (ops, n) = (pass.Kernels, rows.Count);
        Tensor dContext = pass[_dContext, n], dQ = dContext, dK = pass[_dK, n], dV = pass[_dV, n], context = pass[_context, n];
        pass.Backward(_weights.O, dBranch, context, Into.Overwrite, dContext);
        ops.Attention.Backward(dContext, pass[_q, n], pass[_k, n], pass[_v, n], context, pass[_logSumExp, n], rows.SelfSpans, _heads, _masking,
            _bias.Values(pass), pass.Dropout(_site), dQ, dK, dV, _bias.Gradient(pass), pass[_tablePartials, rows.SelfSpans.Shape.D0]);
        ops.MatMul.BackwardShared([dV, dK, dQ], norm, [pass.Weight(_weights.V), pass.Weight(_weights.K), pass.Weight(_weights.Q)], Into.Overwrite, dNorm,
            [pass.Gradient(_weights.V), pass.Gradient(_weights.K), pass.Gradient(_weights.Q)]);
    }
}
