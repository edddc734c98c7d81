using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>T5 v1.0: branch = dropout(relu(norm Wiᵀ)) Woᵀ.</summary>
/// <remarks>Source: Hugging Face modeling_t5.T5DenseActDense.</remarks>
sealed class ReluFeedForward : SubLayer
{
    readonly ParameterId _wi, _wo;
    readonly Slot _hidden, _dHidden;
    readonly int _site;

    public ReluFeedForward(ModelPlan plan, string prefix, int rows) : base(plan, prefix, rows)
    {
        T5Config c = plan.Config;
        _wi = plan.Linear($"{prefix}.DenseReluDense.wi", c.DFeedForward, c.DModel, 1 / Math.Sqrt(c.DModel));
        _wo = plan.Linear($"{prefix}.DenseReluDense.wo", c.DModel, c.DFeedForward, 1 / Math.Sqrt(c.DFeedForward), ParameterUse.SensitiveLinear);
        _hidden = plan.Arena.Saved($"{prefix}.hidden", new(rows, c.DFeedForward));
        if (plan.Training) _dHidden = plan.Arena.Scratch($"{prefix}.d_hidden", new(rows, c.DFeedForward));
        _site = plan.NewDropoutSite();
    }

    protected override void BranchActivate(Pass pass, in RowSet rows, Tensor norm)
    {
        var (k, hidden, dropout) = (pass.Kernels, pass[_hidden, rows.Count], pass.Dropout(_site));
        k.MatMul.Forward(norm, pass.Weight(_wi), Into.Overwrite, hidden);
        k.Relu.Forward(hidden, hidden);
        if (dropout.IsActive) k.Dropout.Forward(hidden, rows.Keys, dropout, hidden);
    }

    protected override void Project(Pass pass, in RowSet rows, Into into, Tensor y) =>
        pass.Kernels.MatMul.Forward(pass[_hidden, rows.Count], pass.Weight(_wo), into, y);

    protected override void BranchBackward(Pass pass, in RowSet rows, Tensor norm, Tensor dBranch, Tensor dNorm)
    {
        var (k, hidden, dHidden, dropout) = (pass.Kernels, pass[_hidden, rows.Count], pass[_dHidden, rows.Count], pass.Dropout(_site));
        pass.Backward(_wo, dBranch, hidden, Into.Overwrite, dHidden);
        if (dropout.IsActive) k.Dropout.Backward(dHidden, rows.Keys, dropout, dHidden);
        // After dropout hidden is positive exactly where it is kept and active, so its sign still tells where the gradient passes.
        k.Relu.Backward(dHidden, hidden, dHidden);
        pass.Backward(_wi, dHidden, norm, Into.Overwrite, dNorm);
    }
}
