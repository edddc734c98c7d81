namespace DistillEngine.Kernels;

/// <summary>What changes the logits of a sequence before its next token is chosen, in this order.</summary>
/// <param name="RepetitionPenalty">Logits of ids already there are divided by this where positive, multiplied where negative; above 0, 1 = off.</param>
/// <param name="NoRepeatNgramSize">No n-gram of this length occurs twice; 0 = off.</param>
/// <param name="MinNewTokens"><paramref name="EosId"/> is forbidden before so many ids stand behind the first.</param>
/// <param name="EosId">Below the vocabulary.</param>
/// <param name="VocabularySize">Ids from here on are never chosen; 0 = all may be.</param>
public readonly record struct NextTokenRules(float RepetitionPenalty, int NoRepeatNgramSize, int MinNewTokens, int EosId, int VocabularySize);
