using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Model;

/// <summary>Attention of the decoder to the encoder's output, without position bias.</summary>
/// <remarks>Source: Hugging Face modeling_t5.T5LayerCrossAttention.</remarks>
sealed class CrossAttention : SubLayer
{
    readonly AttentionWeights _weights;
    readonly Slot _q, _k, _v, _context, _logSumExp, _dContext, _dK, _dV;
    readonly int _heads, _layer, _site;

    public CrossAttention(ModelPlan plan, string prefix, int layer) : base(plan, prefix, plan.Limits.MaxTargetTokens)
    {
        T5Config c = plan.Config;
        Shape queries = new(plan.Limits.MaxTargetTokens, c.InnerWidth), keys = new(plan.Limits.MaxSourceTokens, c.InnerWidth);
        (_heads, _layer) = (c.Heads, layer);
        _weights = new AttentionWeights(plan, $"{prefix}.EncDecAttention");
        _q = plan.Arena.Saved($"{prefix}.q", queries);
        _k = plan.Arena.Saved($"{prefix}.k", keys);
        _v = plan.Arena.Saved($"{prefix}.v", keys);
        _context = plan.Arena.Saved($"{prefix}.context", queries);
        _logSumExp = plan.Arena.Saved($"{prefix}.log_sum_exp", new(plan.Limits.MaxTargetTokens, c.Heads));
        _site = plan.NewDropoutSite();
        if (!plan.Training) return;
        _dContext = plan.Arena.Scratch($"{prefix}.d_context", queries);
        _dK = plan.Arena.Scratch($"{prefix}.d_k", keys);
        _dV = plan.Arena.Scratch($"{prefix}.d_v", keys);
    }

    /// <summary>Keys and values of the encoder's output, computed once for all the tokens to be decoded.</summary>
    public void FillCache(Pass pass, KvCache cache)
    {
        int rows = pass.Source.Count;
        Tensor keys = cache.CrossKeys(_layer).First(rows), values = cache.CrossValues(_layer).First(rows);
        if (!cache.IsRounded)
        {
            Project(pass, keys, values);
            return;
        }
        Tensor k = pass[_k, rows], v = pass[_v, rows];
        Project(pass, k, v);
        pass.Kernels.RowScatter.Round(k, keys);
        pass.Kernels.RowScatter.Round(v, values);
    }

    protected override void BranchActivate(Pass pass, in RowSet rows, Tensor norm)
    {
        var (ops, n) = (pass.Kernels, rows.Count);
        Tensor q = pass[_q, n], context = pass[_context, n];
        ops.MatMul.Forward(norm, pass.Weight(_weights.Q), Into.Overwrite, q);
        var (k, v) = KeysAndValues(pass);
        ops.Attention.Forward(q, k, v, rows.CrossSpans, _heads, Masking.None, default, pass.Dropout(_site), context, pass[_logSumExp, n]);
    }

    protected override void Project(Pass pass, in RowSet rows, Into into, Tensor y) =>
        pass.Kernels.MatMul.Forward(pass[_context, rows.Count], pass.Weight(_weights.O), into, y);

    protected override void BranchBackward(Pass pass, in RowSet rows, Tensor norm, Tensor dBranch, Tensor dNorm)
    {
        var (ops, n, sources) = (pass.Kernels, rows.Count, pass.Source.Count);
        Tensor dContext = pass[_dContext, n], dQ = dContext, context = pass[_context, n];
        Tensor dK = pass[_dK, sources], dV = pass[_dV, sources];
        pass.Backward(_weights.O, dBranch, context, Into.Overwrite, dContext);
        ops.Attention.Backward(dContext, pass[_q, n], pass[_k, sources], pass[_v, sources], context, pass[_logSumExp, n], rows.CrossSpans,
            _heads, Masking.None, default, pass.Dropout(_site), dQ, dK, dV, default, default);
        ops.MatMul.BackwardShared([dV, dK], pass.Encoded, [pass.Weight(_weights.V), pass.Weight(_weights.K)], Into.Add, pass.EncodedGradient,
            [pass.Gradient(_weights.V), pass.Gradient(_weights.K)]);
        pass.Backward(_weights.Q, dQ, norm, Into.Overwrite, dNorm);
    }

    (Tensor K, Tensor V) KeysAndValues(Pass pass)
    {
        int sources = pass.Source.Count;
        if (pass.Cache is { } cache) return (cache.CrossKeys(_layer).First(sources), cache.CrossValues(_layer).First(sources));
        Tensor k = pass[_k, sources], v = pass[_v, sources];
        Project(pass, k, v);
        return (k, v);
    }

    void Project(Pass pass, Tensor k, Tensor v) =>
        pass.Kernels.MatMul.ForwardShared(pass.Encoded, [pass.Weight(_weights.K), pass.Weight(_weights.V)], [k, v]);
}
