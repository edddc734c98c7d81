namespace DistillEngine.Kernels;

/// <summary>Every op of one backend: the table of contents of this folder. A backend that lacks one does not compile.</summary>
public sealed record KernelSet
{
    public required MatMul MatMul { get; init; }
    public required RmsNorm RmsNorm { get; init; }
    public required Attention Attention { get; init; }
    public required Relu Relu { get; init; }
    public required GatedGelu GatedGelu { get; init; }
    public required Embedding Embedding { get; init; }
    public required Dropout Dropout { get; init; }
    public required ResidualAdd ResidualAdd { get; init; }
    public required LinearCrossEntropy LinearCrossEntropy { get; init; }
    public required RowScatter RowScatter { get; init; }
    public required NextToken NextToken { get; init; }
    public required GradientNorm GradientNorm { get; init; }
    public required AdamW AdamW { get; init; }
    public required Adafactor Adafactor { get; init; }
}
