using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Model;

/// <summary>What every sub-layer needs while a batch passes: ops, parameters, activations, the batch's rows, this step's dropout.</summary>
sealed class Pass(IBackend backend, ParameterStore parameters, Arena arena)
{
    public KernelSet Kernels { get; } = backend.Kernels;

    /// <summary>Rows of the encoder.</summary>
    public RowSet Source { get; set; }

    /// <summary>Rows of the decoder.</summary>
    public RowSet Target { get; set; }

    /// <summary>Keys and values of earlier steps while decoding token by token; null in training, where all targets pass at once.</summary>
    public KvCache? Cache { get; set; }

    /// <summary>float32 [source rows, dModel]: the encoder's output.</summary>
    public Tensor Encoded { get; set; }

    /// <summary>Its gradient, to which every cross-attention adds.</summary>
    public Tensor EncodedGradient { get; set; }

    public float DropoutRate { get; set; }
    public ulong Seed { get; set; }
    public long Step { get; set; }

    public Tensor this[Slot slot, int rows] => arena.View(slot, rows);

    /// <summary>The slot at its greatest shape.</summary>
    public Tensor this[Slot slot] => arena.View(slot);

    public Tensor Value(ParameterId id) => parameters.Value(id);

    /// <summary>Of a parameter whose gradient is a sum from zero on.</summary>
    public Tensor GradientSum(ParameterId id) => parameters.Gradient(id);

    /// <summary>Both products of a map's backward.</summary>
    /// <inheritdoc cref="MatMul.Backward"/>
    public void Backward(ParameterId map, Tensor dy, Tensor x, Into into, Tensor dx) => Kernels.MatMul.Backward(dy, x, Weight(map), into, dx, Gradient(map));

    /// <summary>The product that a map's gradient consists of.</summary>
    /// <inheritdoc cref="MatMul.BackwardWeight"/>
    public void BackwardWeight(ParameterId map, Tensor dy, Tensor x) => Kernels.MatMul.BackwardWeight(dy, x, Gradient(map));

    /// <summary>Of a map, for the product that adds to it; taken once a product.</summary>
    public Gradient Gradient(ParameterId map) => parameters.TakeGradient(map);

    public Weight Weight(ParameterId id) => parameters.Weight(id);

    /// <summary>Dropout at one site of the model in this step.</summary>
    public DropoutSite Dropout(int site) => DropoutRate > 0 ? new(DropoutRate, CounterRng.SiteKey(Seed, Step, site)) : DropoutSite.None;
}
