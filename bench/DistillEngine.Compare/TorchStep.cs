using DistillEngine.Core;
using DistillEngine.Model;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace DistillEngine.Compare;

/// <summary>The training step in libtorch: the published two passes, one for each task, then clipping and AdamW.</summary>
sealed class TorchStep : IDisposable
{
    readonly TorchWeights _weights;
    readonly TorchT5 _model, _plain;
    readonly optim.Optimizer _optimizer;
    readonly (Tensor Source, Tensor Inputs, Tensor Labels)[] _tasks;

    public TorchStep(T5Model model, Batch batch, ScalarType type)
    {
        _weights = new TorchWeights(model, training: true);
        _model = new TorchT5(model.Config, _weights, type, model.Config.DropoutRate);
        _plain = new TorchT5(model.Config, _weights, type, dropout: 0);
        _optimizer = optim.AdamW(_weights.All, lr: 1e-4, weight_decay: 0);
        _tasks = [.. from task in (TaskKind[])[TaskKind.Label, TaskKind.Rationale]
                     let rows = Enumerable.Range(0, batch.SequenceCount).Where(s => batch.Tasks[s] == task).ToArray()
                     where rows.Length > 0
                     select (Ids(rows, batch.SourceIds, batch.SourceStarts), Ids(rows, batch.TargetInputIds, batch.TargetStarts), Ids(rows, batch.Labels, batch.TargetStarts))];
    }

    /// <summary>Mean of the tasks' mean losses, without dropout and without an update.</summary>
    public double LossWithoutDropout()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return Loss(_plain).item<float>();
    }

    public void Step()
    {
        using var scope = NewDisposeScope();
        _optimizer.zero_grad();
        Loss(_model).backward();
        nn.utils.clip_grad_norm_(_weights.All, 1);
        _optimizer.step();
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        foreach (var (source, inputs, labels) in _tasks)
        {
            source.Dispose();
            inputs.Dispose();
            labels.Dispose();
        }
        _model.Dispose();
        _plain.Dispose();
        _weights.Dispose();
    }

    /// <summary>int64 [rows, length] of sequences of equal lengths.</summary>
    public static Tensor Ids(int[] rows, int[] ids, int[] starts)
    {
        long[] flat = [.. rows.SelectMany(s => ids[starts[s]..starts[s + 1]]).Select(id => (long)id)];
        return tensor(flat, [rows.Length, flat.Length / rows.Length]).DetachFromDisposeScope();
    }

    Tensor Loss(TorchT5 model)
    {
        Tensor sum = model.Loss(_tasks[0].Source, _tasks[0].Inputs, _tasks[0].Labels);
        foreach (var (source, inputs, labels) in _tasks[1..]) sum = sum + model.Loss(source, inputs, labels);
        return sum / _tasks.Length;
    }
}
