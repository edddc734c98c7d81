using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>One residual step of a stack: y = x + dropout(branch(norm(x))).</summary>
/// <remarks>Source: Hugging Face modeling_t5 (T5LayerSelfAttention, T5LayerCrossAttention, T5LayerFF): pre-norm, residual unscaled.</remarks>
abstract class SubLayer
{
    readonly ParameterId _scale;
    readonly Slot _norm, _invRms, _branch, _dNorm;
    readonly int _site, _width;
    readonly bool _recompute;
    readonly float _epsilon;

    /// <param name="prefix">Checkpoint name of the layer, such as <c>encoder.block.0.layer.1</c>.</param>
    /// <param name="rows">Greatest number of rows.</param>
    protected SubLayer(ModelPlan plan, string prefix, int rows)
    {
        (_width, _epsilon, _recompute, HasBackward) = (plan.Config.DModel, plan.Config.Epsilon, plan.Recompute, plan.Training);
        plan.Arena.BeginScope();
        _scale = plan.Parameters.Ones($"{prefix}.layer_norm.weight", new(_width));
        _norm = plan.Arena.Scratch($"{prefix}.norm", new(rows, _width));
        _invRms = plan.Arena.Scratch($"{prefix}.inv_rms", new(rows));
        _branch = plan.Arena.Scratch($"{prefix}.branch", new(rows, _width));
        if (plan.Training) _dNorm = plan.Arena.Scratch($"{prefix}.d_norm", new(rows, _width));
        _site = plan.NewDropoutSite();
    }

    /// <summary>Whether what backward needs must be kept.</summary>
    protected bool HasBackward { get; }

    /// <param name="x">float32 [rows, dModel].</param>
    /// <param name="y">float32 [rows, dModel]; overwritten; x in a model without backward.</param>
    public void Forward(Pass pass, in RowSet rows, Tensor x, Tensor y)
    {
        DropoutSite dropout = pass.Dropout(_site);
        BranchActivate(pass, rows, Normalize(pass, rows, x));
        if (!HasBackward && !dropout.IsActive)
        {
            // The last product adds to the residual stream itself.
            Project(pass, rows, Into.Add, y);
            return;
        }
        Tensor branch = pass[_branch, rows.Count];
        Project(pass, rows, Into.Overwrite, branch);
        pass.Kernels.ResidualAdd.Forward(x, branch, rows.Keys, dropout, y);
    }

    /// <param name="x">As given to Forward.</param>
    /// <param name="dy">float32 [rows, dModel]: gradient of y on entry, of x on return.</param>
    public void Backward(Pass pass, in RowSet rows, Tensor x, Tensor dy)
    {
        // Cheaper computed again than kept: a hundredth of what the branch's maps take, and the width of a row less memory for every row.
        Tensor norm = Normalize(pass, rows, x);
        if (_recompute) BranchActivate(pass, rows, norm);
        Tensor dBranch = dy, dNorm = pass[_dNorm, rows.Count];
        DropoutSite dropout = pass.Dropout(_site);
        if (dropout.IsActive)
        {
            dBranch = pass[_branch, rows.Count];
            pass.Kernels.ResidualAdd.Backward(dy, rows.Keys, dropout, dBranch);
        }
        BranchBackward(pass, rows, norm, dBranch, dNorm);
        pass.Kernels.RmsNorm.Backward(dNorm, x, pass.Value(_scale), pass[_invRms, rows.Count], Into.Add, dy, pass.GradientSum(_scale));
    }

    Tensor Normalize(Pass pass, in RowSet rows, Tensor x)
    {
        Tensor norm = pass[_norm, rows.Count];
        pass.Kernels.RmsNorm.Forward(x, pass.Value(_scale), _epsilon, norm, pass[_invRms, rows.Count]);
        return norm;
    }

    /// <summary>What backward needs of the branch.</summary>
    /// <param name="norm">float32 [rows, dModel].</param>
    protected abstract void BranchActivate(Pass pass, in RowSet rows, Tensor norm);

    /// <summary>The rest of the branch: its last map, and what comes before it where backward computes that again.</summary>
    /// <param name="into">For y.</param>
    /// <param name="y">float32 [rows, dModel]: the branch, or what it is added to.</param>
    protected abstract void Project(Pass pass, in RowSet rows, Into into, Tensor y);

    /// <param name="dBranch">float32 [rows, dModel]; only read.</param>
    /// <param name="dNorm">float32 [rows, dModel]; overwritten.</param>
    protected abstract void BranchBackward(Pass pass, in RowSet rows, Tensor norm, Tensor dBranch, Tensor dNorm);
}
