using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>Encoder or decoder: embedding, sub-layers, final norm; dropout after the first and the last.</summary>
/// <remarks>Source: Hugging Face modeling_t5.T5Stack.</remarks>
sealed class Stack
{
    readonly SubLayer[] _subLayers;
    readonly ParameterId _embedding, _finalScale;
    readonly Slot[] _hidden;
    readonly Slot _output, _finalInvRms, _gradient;
    readonly int _inputSite, _outputSite, _subLayersPerBlock;
    readonly float _epsilon;

    /// <param name="name"><c>encoder</c> or <c>decoder</c>.</param>
    /// <param name="subLayers">In order; the same number for every block.</param>
    /// <param name="blocks">Number of blocks.</param>
    public Stack(ModelPlan plan, string name, int rows, ParameterId embedding, SubLayer[] subLayers, int blocks)
    {
        (_embedding, _subLayers, _epsilon) = (embedding, subLayers, plan.Config.Epsilon);
        _subLayersPerBlock = subLayers.Length / blocks;
        Shape shape = new(rows, plan.Config.DModel);
        _finalScale = plan.Parameters.Ones($"{name}.final_layer_norm.weight", new(plan.Config.DModel));
        // Backward needs the input of every sub-layer; without it they all work in one buffer.
        Slot inPlace = plan.Arena.Persistent($"{name}.hidden", shape);
        _hidden = new Slot[subLayers.Length + 1];
        for (int i = 0; i < _hidden.Length; i++)
            _hidden[i] = plan.Training && i > 0 ? plan.Arena.Persistent($"{name}.hidden.{i}", shape) : inPlace;
        _output = plan.Arena.Persistent($"{name}.output", shape);
        _finalInvRms = plan.Arena.Persistent($"{name}.final_inv_rms", new(rows));
        if (plan.Training) _gradient = plan.Arena.Persistent($"{name}.d_hidden", shape);
        (_inputSite, _outputSite) = (plan.NewDropoutSite(), plan.NewDropoutSite());
    }

    /// <returns>float32 [rows, dModel]: after the final norm and its dropout.</returns>
    public Tensor Forward(Pass pass, in RowSet rows)
    {
        var (k, x) = (pass.Kernels, pass[_hidden[0], rows.Count]);
        k.Embedding.Forward(rows.Ids, pass.Value(_embedding), x);
        Drop(pass, rows, _inputSite, x);
        for (int i = 0; i < _subLayers.Length; i++)
            _subLayers[i].Forward(pass, rows, pass[_hidden[i], rows.Count], pass[_hidden[i + 1], rows.Count]);
        Tensor output = pass[_output, rows.Count];
        k.RmsNorm.Forward(pass[_hidden[^1], rows.Count], pass.Value(_finalScale), _epsilon, output, pass[_finalInvRms, rows.Count]);
        Drop(pass, rows, _outputSite, output);
        return output;
    }

    /// <param name="dOutput">float32 [rows, dModel]: gradient of Forward's result; overwritten.</param>
    public void Backward(Pass pass, in RowSet rows, Tensor dOutput)
    {
        var (k, dx) = (pass.Kernels, pass[_gradient, rows.Count]);
        DropBackward(pass, rows, _outputSite, dOutput);
        k.RmsNorm.Backward(dOutput, pass[_hidden[^1], rows.Count], pass.Value(_finalScale), pass[_finalInvRms, rows.Count], Into.Overwrite, dx,
            pass.GradientSum(_finalScale));
        for (int i = _subLayers.Length - 1; i >= 0; i--)
            _subLayers[i].Backward(pass, rows, pass[_hidden[i], rows.Count], dx);
        DropBackward(pass, rows, _inputSite, dx);
        k.Embedding.Backward(dx, rows.Ids, rows.Order, pass.GradientSum(_embedding));
    }

    /// <summary>Input of a block after Forward of a model built for training.</summary>
    public Tensor BlockInput(Pass pass, int rows, int block) => pass[_hidden[block * _subLayersPerBlock], rows];

    /// <summary>What Forward returned for so many rows.</summary>
    public Tensor Output(Pass pass, int rows) => pass[_output, rows];

    static void Drop(Pass pass, in RowSet rows, int site, Tensor x)
    {
        DropoutSite dropout = pass.Dropout(site);
        if (dropout.IsActive) pass.Kernels.Dropout.Forward(x, rows.Keys, dropout, x);
    }

    static void DropBackward(Pass pass, in RowSet rows, int site, Tensor dx)
    {
        DropoutSite dropout = pass.Dropout(site);
        if (dropout.IsActive) pass.Kernels.Dropout.Backward(dx, rows.Keys, dropout, dx);
    }
}
