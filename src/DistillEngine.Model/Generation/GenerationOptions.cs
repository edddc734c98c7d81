using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>How greedy decoding chooses and ends. Defaults change nothing.</summary>
/// <remarks>Source: Hugging Face generation.logits_process; every option acts as its namesake there.</remarks>
public sealed record GenerationOptions
{
    /// <summary>Most tokens after the start token, <c>&lt;/s&gt;</c> included; at least 1.</summary>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary><c>&lt;/s&gt;</c> is forbidden before so many tokens.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>Logits of ids already there (start token included) are divided by this where positive, multiplied where negative; 1 = off.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>No n-gram of this length occurs twice (start token included); 0 = off.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>Ids from here on are never chosen: the rows by which an embedding exceeds its tokenizer. 0 = all may be.</summary>
    public int VocabularySize { get; init; }

    /// <summary>How keys and values are kept from token to token: float32, or bfloat16 in half of the memory.</summary>
    public DType CacheType { get; init; } = DType.F32;

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public void Validate()
    {
        if (CacheType is not (DType.F32 or DType.BF16)) throw new ArgumentException($"cache type is {CacheType}, expected F32 or BF16.");
        if (MaxNewTokens < 1) throw new ArgumentException($"max new tokens is {MaxNewTokens}, expected at least 1.");
        if (MinNewTokens < 0 || MinNewTokens > MaxNewTokens)
            throw new ArgumentException($"min new tokens is {MinNewTokens}, expected 0 to max new tokens = {MaxNewTokens}.");
        if (!(RepetitionPenalty > 0 && float.IsFinite(RepetitionPenalty)))
            throw new ArgumentException($"repetition penalty is {RepetitionPenalty}, expected a finite number above 0.");
        if (NoRepeatNgramSize < 0) throw new ArgumentException($"no-repeat n-gram size is {NoRepeatNgramSize}, expected at least 0.");
        if (VocabularySize < 0) throw new ArgumentException($"vocabulary size is {VocabularySize}, expected at least 0.");
    }
}
