using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>Linear map without bias: y = x Wᵀ.</summary>
/// <remarks>Source: torch.nn.functional.linear; weights lie [outputs, inputs] as in checkpoints. Sums accumulate in float32.</remarks>
public abstract class MatMul
{
    /// <param name="x">float32 [rows, inputs].</param>
    /// <param name="w">[outputs, inputs], float32 or in a low form that this device <see cref="Supports"/>.</param>
    /// <param name="into">Overwrite, or Add for a residual stream.</param>
    /// <param name="y">float32 [rows, outputs]; may not overlap x.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor x, Weight w, Into into, Tensor y)
    {
        int rows = x.Shape.D0;
        Check.Shape(x, new(rows, w.Inputs), "matmul.forward");
        Check.Shape(y, new(rows, w.Outputs), "matmul.forward");
        using var _ = Trace.Op("matmul.forward", ForwardCost(rows, w, into));
        ForwardCore(x, w, into, y);
    }

    /// <summary>y[i] = x W[i]ᵀ for several maps of the same input: one launch where rows are few, so that it costs a decoded token less.</summary>
    /// <param name="x">float32 [rows, inputs].</param>
    /// <param name="weights">At least one map, all of one form.</param>
    /// <param name="outputs">A tensor float32 [rows, outputs of its map] for each; overwritten; may not overlap x or one another.</param>
    /// <exception cref="ArgumentException">There is no map, or a shape or dtype differs from the above.</exception>
    public void ForwardShared(Tensor x, ReadOnlySpan<Weight> weights, ReadOnlySpan<Tensor> outputs)
    {
        Check.That(weights.Length > 0, "matmul.forward_shared", "at least one map");
        Check.That(weights.Length == outputs.Length, "matmul.forward_shared", $"{weights.Length} outputs, got {outputs.Length}");
        Cost cost = default;
        for (int i = 0; i < weights.Length; i++)
        {
            Check.Shape(x, new(x.Shape.D0, weights[i].Inputs), "matmul.forward_shared");
            Check.Shape(outputs[i], new(x.Shape.D0, weights[i].Outputs), "matmul.forward_shared");
            Cost one = ForwardCost(x.Shape.D0, weights[i]);
            cost = new(cost.Flops + one.Flops, cost.Bytes + one.Bytes);
        }
        using var _ = Trace.Op("matmul.forward_shared", cost);
        ForwardSharedCore(x, weights, outputs);
    }

    /// <summary>y = gelu(x gateᵀ) · (x upᵀ), with neither product in memory as a whole: the bits of ForwardShared and
    /// <see cref="GatedGelu.Forward"/>.</summary>
    /// <param name="x">float32 [rows, inputs].</param>
    /// <param name="gate">A map for which <see cref="FusesGatedGelu"/> holds with <paramref name="up"/>.</param>
    /// <param name="y">float32 [rows, outputs]; overwritten; may not overlap x.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or the device does not fuse these maps.</exception>
    public void ForwardGated(Tensor x, Weight gate, Weight up, Tensor y)
    {
        int rows = x.Shape.D0;
        Check.Shape(x, new(rows, gate.Inputs), "matmul.forward_gated");
        Check.Shape(y, new(rows, gate.Outputs), "matmul.forward_gated");
        Check.That(FusesGatedGelu(gate, up), "matmul.forward_gated", $"maps of one form and shape that this device fuses, got '{gate.Name}', '{up.Name}'");
        Cost cost = ForwardCost(rows, gate);
        // Counted are the products, of which y alone reaches memory.
        using var _ = Trace.Op("matmul.forward_gated", new(2 * cost.Flops, cost.Bytes + up.ByteLength));
        ForwardGatedCore(x, gate, up, y);
    }

    /// <summary>Whether <see cref="ForwardGated"/> takes these maps.</summary>
    public virtual bool FusesGatedGelu(Weight gate, Weight up) => false;

    /// <summary>Whether products take weights of this form.</summary>
    public virtual bool Supports(WeightForm form) => form == WeightForm.F32;

    /// <summary>Computes anew, from the whole numbers and their remainders, every result that may be the greatest of its row, so that the choice is
    /// that of weights and inputs before they were rounded. The others stay.</summary>
    /// <param name="x">float32 [rows, inputs], as given to Forward.</param>
    /// <param name="w">Packed, with remainders.</param>
    /// <param name="y">float32 [rows, outputs], as Forward wrote it. A row whose greatest result is not finite stays as it is.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or the weight has no remainders.</exception>
    public void RefineGreatest(Tensor x, Weight w, Tensor y)
    {
        int rows = x.Shape.D0;
        Check.Shape(x, new(rows, w.Inputs), "matmul.refine_greatest");
        Check.Shape(y, new(rows, w.Outputs), "matmul.refine_greatest");
        Check.That(w.HasRemainders, "matmul.refine_greatest", $"a weight with remainders, got '{w.Name}' in {w.Form.Name()}");
        using var _ = Trace.Op("matmul.refine_greatest", RefineGreatestCost(rows, w.Outputs));
        RefineGreatestCore(x, w, y);
    }

    /// <summary>dx = or += dy W and dWeight = or += dyᵀ x.</summary>
    /// <param name="dy">float32 [rows, outputs].</param>
    /// <param name="x">float32 [rows, inputs], as given to Forward.</param>
    /// <param name="into">For dx.</param>
    /// <param name="dx">float32 [rows, inputs]; may not overlap dy or x.</param>
    /// <param name="dWeight">float32 [outputs, inputs].</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Backward(Tensor dy, Tensor x, Weight w, Into into, Tensor dx, Gradient dWeight) => BackwardShared([dy], x, [w], into, dx, [dWeight]);

    /// <summary>dx = or += Σ dy[i] W[i], summed map by map in their order, and dWeights[i] = or += dy[i]ᵀ x: what <see cref="ForwardShared"/> needs,
    /// in one run of the threads.</summary>
    /// <param name="dys">For each map a tensor float32 [rows, its outputs].</param>
    /// <param name="x">float32 [rows, inputs], as given to Forward.</param>
    /// <param name="weights">At least one map.</param>
    /// <param name="into">For dx.</param>
    /// <param name="dx">float32 [rows, inputs]; may not overlap dys or x.</param>
    /// <param name="dWeights">For each map float32 [its outputs, inputs]; no two overlap.</param>
    /// <exception cref="ArgumentException">There is no map, or a shape or dtype differs from the above.</exception>
    public void BackwardShared(ReadOnlySpan<Tensor> dys, Tensor x, ReadOnlySpan<Weight> weights, Into into, Tensor dx, ReadOnlySpan<Gradient> dWeights)
    {
        Check.That(weights.Length > 0, "matmul.backward", "at least one map");
        Check.That(dys.Length == weights.Length && dWeights.Length == weights.Length, "matmul.backward",
            $"{weights.Length} gradients of outputs and of weights, got {dys.Length} and {dWeights.Length}");
        Cost cost = default;
        int rows = x.Shape.D0;
        for (int i = 0; i < weights.Length; i++)
        {
            Weight w = weights[i];
            Check.Shape(dys[i], new(rows, w.Outputs), "matmul.backward");
            Check.Shape(x, new(rows, w.Inputs), "matmul.backward");
            Check.Shape(dx, new(rows, w.Inputs), "matmul.backward");
            Check.Shape(dWeights[i].Sum, new(w.Outputs, w.Inputs), "matmul.backward");
            Cost input = ForwardCost(rows, w.Outputs, w.Inputs, i == 0 ? into : Into.Add);
            Cost weight = BackwardWeightCost(rows, w.Inputs, w.Outputs, dWeights[i].Into);
            cost = new(cost.Flops + input.Flops + weight.Flops, cost.Bytes + input.Bytes + weight.Bytes);
        }
        using var _ = Trace.Op("matmul.backward", cost);
        BackwardSharedCore(dys, x, weights, into, dx, dWeights);
    }

    /// <summary>dx = or += dy W.</summary>
    /// <inheritdoc cref="Backward"/>
    public void BackwardInput(Tensor dy, Weight w, Into into, Tensor dx)
    {
        int rows = dy.Shape.D0;
        Check.Shape(dy, new(rows, w.Outputs), "matmul.backward");
        Check.Shape(dx, new(rows, w.Inputs), "matmul.backward");
        using var _ = Trace.Op("matmul.backward.input", ForwardCost(rows, w.Outputs, w.Inputs, into));
        BackwardInputCore(dy, w, into, dx);
    }

    /// <summary>dWeight = or += dyᵀ x.</summary>
    /// <inheritdoc cref="Backward"/>
    public void BackwardWeight(Tensor dy, Tensor x, Gradient dWeight)
    {
        var (sum, into) = dWeight;
        var (rows, outputs, inputs) = (dy.Shape.D0, sum.Shape.D0, sum.Shape.D1);
        Check.Shape(dy, new(rows, outputs), "matmul.backward");
        Check.Shape(x, new(rows, inputs), "matmul.backward");
        Check.Shape(sum, new(outputs, inputs), "matmul.backward");
        using var _ = Trace.Op("matmul.backward.weight", BackwardWeightCost(rows, inputs, outputs, into));
        BackwardWeightCore(dy, x, into, sum);
    }

    /// <summary>One product; also that of the gradient by x, where inputs and outputs change places. A result that is added to is read, too.</summary>
    public static Cost ForwardCost(int rows, int inputs, int outputs, Into into = Into.Overwrite)
    {
        long results = (into == Into.Add ? 2L : 1L) * rows * outputs;
        return new(2L * rows * inputs * outputs, sizeof(float) * ((long)rows * inputs + (long)inputs * outputs + results));
    }

    /// <summary>A gradient that is added to is read, too.</summary>
    public static Cost BackwardWeightCost(int rows, int inputs, int outputs, Into into = Into.Add)
    {
        long results = (into == Into.Add ? 2L : 1L) * inputs * outputs;
        return new(2L * rows * inputs * outputs, sizeof(float) * ((long)rows * inputs + results + (long)rows * outputs));
    }

    /// <summary>Both gradients.</summary>
    public static Cost BackwardCost(int rows, int inputs, int outputs, Into into = Into.Overwrite)
    {
        Cost input = ForwardCost(rows, outputs, inputs, into), weight = BackwardWeightCost(rows, inputs, outputs);
        return new(input.Flops + weight.Flops, input.Bytes + weight.Bytes);
    }

    /// <summary>Every result read twice: for the greatest, and for those near it. The few that are computed anew are not counted.</summary>
    public static Cost RefineGreatestCost(int rows, int outputs) => new(2L * rows * outputs, 2 * sizeof(float) * (long)rows * outputs);

    /// <summary>The same with the bytes that the weight takes in its form.</summary>
    public static Cost ForwardCost(int rows, Weight w, Into into = Into.Overwrite)
    {
        Cost cost = ForwardCost(rows, w.Inputs, w.Outputs, into);
        return cost with { Bytes = cost.Bytes - sizeof(float) * (long)w.Inputs * w.Outputs + w.ByteLength };
    }

    protected virtual void ForwardSharedCore(Tensor x, ReadOnlySpan<Weight> weights, ReadOnlySpan<Tensor> outputs)
    {
        for (int i = 0; i < weights.Length; i++) ForwardCore(x, weights[i], Into.Overwrite, outputs[i]);
    }

    protected virtual void BackwardSharedCore(
        ReadOnlySpan<Tensor> dys, Tensor x, ReadOnlySpan<Weight> weights, Into into, Tensor dx, ReadOnlySpan<Gradient> dWeights)
    {
        for (int i = 0; i < weights.Length; i++)
        {
            BackwardInputCore(dys[i], weights[i], i == 0 ? into : Into.Add, dx);
            BackwardWeightCore(dys[i], x, dWeights[i].Into, dWeights[i].Sum);
        }
    }

    /// <summary>Only devices that fuse it have it.</summary>
    protected virtual void ForwardGatedCore(Tensor x, Weight gate, Weight up, Tensor y) => throw new NotSupportedException();

    /// <summary>Only devices that support packed weights have it.</summary>
    protected virtual void RefineGreatestCore(Tensor x, Weight w, Tensor y) => throw new NotSupportedException();

    protected abstract void ForwardCore(Tensor x, Weight w, Into into, Tensor y);
    protected abstract void BackwardInputCore(Tensor dy, Weight w, Into into, Tensor dx);
    protected abstract void BackwardWeightCore(Tensor dy, Tensor x, Into into, Tensor dWeight);
}
