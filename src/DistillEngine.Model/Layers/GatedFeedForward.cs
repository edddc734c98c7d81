using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>T5 v1.1: branch = dropout(gelu(norm Wi_0ᵀ) · (norm Wi_1ᵀ)) Woᵀ.</summary>
/// <remarks>Source: Hugging Face modeling_t5.T5DenseGatedActDense.</remarks>
sealed class GatedFeedForward : SubLayer
{
    readonly ParameterId _wi0, _wi1, _wo;
    readonly Slot _gate, _up, _hidden;
    readonly int _site;

    public GatedFeedForward(ModelPlan plan, string prefix, int rows) : base(plan, prefix, rows)
    {
        T5Config c = plan.Config;
        Shape wide = new(rows, c.DFeedForward);
        _wi0 = plan.Linear($"{prefix}.DenseReluDense.wi_0", c.DFeedForward, c.DModel, 1 / Math.Sqrt(c.DModel));
        _wi1 = plan.Linear($"{prefix}.DenseReluDense.wi_1", c.DFeedForward, c.DModel, 1 / Math.Sqrt(c.DModel));
        _wo = plan.Linear($"{prefix}.DenseReluDense.wo", c.DModel, c.DFeedForward, 1 / Math.Sqrt(c.DFeedForward), ParameterUse.SensitiveLinear);
        _gate = plan.Arena.Saved($"{prefix}.gate", wide);
        _up = plan.Arena.Saved($"{prefix}.up", wide);
        _hidden = plan.Arena.Scratch($"{prefix}.hidden", wide);
        _site = plan.NewDropoutSite();
    }

    protected override void BranchActivate(Pass pass, in RowSet rows, Tensor norm)
    {
        if (IsFused(pass))
        {
            pass.Kernels.MatMul.ForwardGated(norm, pass.Weight(_wi0), pass.Weight(_wi1), pass[_hidden, rows.Count]);
            return;
        }
        Tensor gate = pass[_gate, rows.Count], up = pass[_up, rows.Count];
        pass.Kernels.MatMul.ForwardShared(norm, [pass.Weight(_wi0), pass.Weight(_wi1)], [gate, up]);
    }

    protected override void Project(Pass pass, in RowSet rows, Into into, Tensor y)
    {
        var (k, hidden) = (pass.Kernels, pass[_hidden, rows.Count]);
        if (!IsFused(pass)) k.GatedGelu.Forward(pass[_gate, rows.Count], pass[_up, rows.Count], hidden);
        Drop(pass, rows, hidden);
        k.MatMul.Forward(hidden, pass.Weight(_wo), into, y);
    }

    protected override void BranchBackward(Pass pass, in RowSet rows, Tensor norm, Tensor dBranch, Tensor dNorm)
    {
        var (k, dropout) = (pass.Kernels, pass.Dropout(_site));
        Tensor gate = pass[_gate, rows.Count], up = pass[_up, rows.Count], dHidden = pass[_hidden, rows.Count];
        // Results take the places of what is no longer needed.
        Tensor dGate = dHidden, dUp = up, hidden = gate;
        k.MatMul.BackwardInput(dBranch, pass.Weight(_wo), Into.Overwrite, dHidden);
        if (dropout.IsActive) k.Dropout.Backward(dHidden, rows.Keys, dropout, dHidden);
        k.GatedGelu.Backward(dHidden, gate, up, dGate, dUp, hidden);
        Drop(pass, rows, hidden);
        pass.BackwardWeight(_wo, dBranch, hidden);
        k.MatMul.BackwardShared([dUp, dGate], norm, [pass.Weight(_wi1), pass.Weight(_wi0)], Into.Overwrite, dNorm, [pass.Gradient(_wi1), pass.Gradient(_wi0)]);
    }

    /// <summary>Whether gate and up exist only within one op; backward needs them.</summary>
    bool IsFused(Pass pass) => !HasBackward && pass.Kernels.MatMul.FusesGatedGelu(pass.Weight(_wi0), pass.Weight(_wi1));

    void Drop(Pass pass, in RowSet rows, Tensor hidden)
    {
        DropoutSite dropout = pass.Dropout(_site);
        if (dropout.IsActive) pass.Kernels.Dropout.Forward(hidden, rows.Keys, dropout, hidden);
    }
}
