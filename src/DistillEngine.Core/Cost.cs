namespace DistillEngine.Core;

/// <summary>What an op must do at the least: the numerator of every share-of-the-limit figure.</summary>
/// <param name="Flops">Floating-point operations; a fused multiply-add counts as two.</param>
/// <param name="Bytes">Compulsory memory traffic: each operand read once, each result written once.</param>
public readonly record struct Cost(long Flops, long Bytes);
