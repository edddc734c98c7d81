namespace DistillEngine.Core;

/// <summary>How a model's matrices are held for inference. Products are bound by reading them, so fewer bits decode faster.</summary>
public enum WeightForm : byte
{
    /// <summary>float32, as trained.</summary>
    F32,

    /// <summary>The upper half of float32, rounded to nearest even: 2 bytes a weight.</summary>
    BF16,

    /// <summary>Symmetric whole numbers of −127 … 127 with one scale an output: 1 byte a weight.</summary>
    Int8,

    /// <summary>Whole numbers of −8 … 7 with one scale for every 32 inputs of an output: 4.5 bits a weight.</summary>
    Int4,

    /// <summary>float32 in the order in which products read packed maps: the numbers of <see cref="F32"/>, for generation alone. Nobody chooses it;
    /// where products take it, it stands for <see cref="F32"/>.</summary>
    PackedF32,
}
