using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Tests.Gpu;

sealed class MirroredRelu(Mirror m) : Relu
{
    protected override void ForwardCore(Tensor x, Tensor y)
    {
        m.Ops.Relu.Forward(m[x], m[y]);
        m.Return();
    }

    protected override void BackwardCore(Tensor dy, Tensor y, Tensor dx)
    {
        m.Ops.Relu.Backward(m[dy], m[y], m[dx]);
        m.Return();
    }
}

sealed class MirroredGatedGelu(Mirror m) : GatedGelu
{
    protected override void ForwardCore(Tensor gate, Tensor up, Tensor y)
    {
        m.Ops.GatedGelu.Forward(m[gate], m[up], m[y]);
        m.Return();
    }

    protected override void BackwardCore(Tensor dy, Tensor gate, Tensor up, Tensor dGate, Tensor dUp, Tensor y)
    {
        m.Ops.GatedGelu.Backward(m[dy], m[gate], m[up], m[dGate], m[dUp], m[y]);
        m.Return();
    }
}

sealed class MirroredDropout(Mirror m) : Dropout
{
    protected override void ForwardCore(Tensor x, Tensor rowKeys, DropoutSite site, Tensor y)
    {
        m.Ops.Dropout.Forward(m[x], m[rowKeys], site, m[y]);
        m.Return();
    }

    protected override void BackwardCore(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dx)
    {
        m.Ops.Dropout.Backward(m[dy], m[rowKeys], site, m[dx]);
        m.Return();
    }
}

sealed class MirroredResidualAdd(Mirror m) : ResidualAdd
{
    protected override void ForwardCore(Tensor x, Tensor branch, Tensor rowKeys, DropoutSite site, Tensor y)
    {
        m.Ops.ResidualAdd.Forward(m[x], m[branch], m[rowKeys], site, m[y]);
        m.Return();
    }

    protected override void BackwardCore(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dBranch)
    {
        m.Ops.ResidualAdd.Backward(m[dy], m[rowKeys], site, m[dBranch]);
        m.Return();
    }
}

sealed class MirroredEmbedding(Mirror m) : Embedding
{
    protected override void ForwardCore(Tensor ids, Tensor table, Tensor y)
    {
        m.Ops.Embedding.Forward(m[ids], m[table], m[y]);
        m.Return();
    }

    public override bool UsesOrder => m.Ops.Embedding.UsesOrder;

    protected override void BackwardCore(Tensor dy, Tensor ids, Tensor order, Tensor dTable)
    {
        m.Ops.Embedding.Backward(m[dy], m[ids], m[order], m[dTable]);
        m.Return();
    }
}

sealed class MirroredRowScatter(Mirror m) : RowScatter
{
    protected override void ForwardCore(Tensor x, Tensor target, Tensor y)
    {
        m.Ops.RowScatter.Forward(m[x], m[target], m[y]);
        m.Return();
    }

    protected override void BackwardCore(Tensor dy, Tensor target, Tensor dx)
    {
        m.Ops.RowScatter.Backward(m[dy], m[target], m[dx]);
        m.Return();
    }
}

sealed class MirroredRmsNorm(Mirror m) : RmsNorm
{
    protected override void ForwardCore(Tensor x, Tensor weight, float epsilon, Tensor y, Tensor invRms)
    {
        m.Ops.RmsNorm.Forward(m[x], m[weight], epsilon, m[y], m[invRms]);
        m.Return();
    }

    protected override void BackwardCore(Tensor dy, Tensor x, Tensor weight, Tensor invRms, Into into, Tensor dx, Tensor dWeight)
    {
        m.Ops.RmsNorm.Backward(m[dy], m[x], m[weight], m[invRms], into, m[dx], m[dWeight]);
        m.Return();
    }
}

sealed class MirroredMatMul(Mirror m) : MatMul
{
    protected override void ForwardCore(Tensor x, Weight w, Into into, Tensor y)
    {
        m.Ops.MatMul.Forward(m[x], m[w], into, m[y]);
        m.Return();
    }

    protected override void BackwardInputCore(Tensor dy, Weight w, Into into, Tensor dx)
    {
        m.Ops.MatMul.BackwardInput(m[dy], m[w], into, m[dx]);
        m.Return();
    }

    protected override void BackwardWeightCore(Tensor dy, Tensor x, Into into, Tensor dWeight)
    {
        m.Ops.MatMul.BackwardWeight(m[dy], m[x], new(m[dWeight], into));
        m.Return();
    }
}

sealed class MirroredLinearCrossEntropy(Mirror m) : LinearCrossEntropy
{
    protected override void ForwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor logSumExp, Tensor nats, Tensor scratch)
    {
        m.Ops.LinearCrossEntropy.Forward(m[x], m[w], scale, m[labels], m[logSumExp], m[nats], m[scratch]);
        m.Return();
    }

    protected override void BackwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor rowWeights, Tensor logSumExp, Tensor dx, Gradient dWeight,
        Tensor scratch, bool holdsLogits)
    {
        Gradient there = new(m[dWeight.Sum], dWeight.Into);
        m.Ops.LinearCrossEntropy.Backward(m[x], m[w], scale, m[labels], m[rowWeights], m[logSumExp], m[dx], there, m[scratch], holdsLogits);
        m.Return();
    }
}

sealed class MirroredAttention(Mirror m) : Attention
{
    protected override void ForwardCore(Tensor q, Tensor k, Tensor v, Tensor spans, int heads, Masking masking, RelativeBias bias, DropoutSite dropout,
        Tensor y, Tensor logSumExp)
    {
        m.Ops.Attention.Forward(m[q], m[k], m[v], m[spans], heads, masking, Carry(bias), dropout, m[y], m[logSumExp]);
        m.Return();
    }

    protected override void BackwardCore(Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, Tensor spans, int heads, Masking masking,
        RelativeBias bias, DropoutSite dropout, Tensor dq, Tensor dk, Tensor dv, Tensor dTable, Tensor tablePartials)
    {
        m.Ops.Attention.Backward(m[dy], m[q], m[k], m[v], m[y], m[logSumExp], m[spans], heads, masking, Carry(bias), dropout, m[dq], m[dk], m[dv],
            m[dTable], m[tablePartials]);
        m.Return();
    }

    RelativeBias Carry(RelativeBias bias) => new(m[bias.Table], m[bias.BucketOfDistance]);
}

sealed class MirroredGradientNorm(Mirror m) : GradientNorm
{
    protected override void ForwardCore(Tensor gradients, Tensor norm)
    {
        m.Ops.GradientNorm.Forward(m[gradients], m[norm]);
        m.Return();
    }
}

sealed class MirroredNextToken(Mirror m) : NextToken
{
    protected override void ChooseCore(Tensor logits, Tensor history, NextTokenRules rules, Tensor ids)
    {
        m.Ops.NextToken.Choose(m[logits], m[history], rules, m[ids]);
        m.Return();
    }
}

sealed class MirroredAdamW(Mirror m) : AdamW
{
    protected override void UpdateCore(Tensor gradients, Tensor gradientNorm, in AdamWStep step, Tensor values, Tensor first, Tensor second)
    {
        m.Ops.AdamW.Update(m[gradients], m[gradientNorm], step, m[values], m[first], m[second]);
        m.Return();
    }
}

sealed class MirroredAdafactor(Mirror m) : Adafactor
{
    protected override void UpdateCore(Tensor gradient, Tensor gradientNorm, in AdafactorStep step, Tensor value, in AdafactorState state, Tensor scratch)
    {
        m.Ops.Adafactor.Update(m[gradient], m[gradientNorm], step, m[value],
            new(m[state.RowMeans], m[state.ColumnMeans], m[state.Squares], m[state.Moment]), m[scratch]);
        m.Return();
    }
}
