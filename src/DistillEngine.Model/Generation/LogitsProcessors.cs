namespace DistillEngine.Model;

/// <summary>Changes to the logits of one sequence before the next token is chosen, in Hugging Face's order.</summary>
static class LogitsProcessors
{
    /// <param name="options">Validated.</param>
    /// <param name="sequence">Ids so far, the start token first.</param>
    /// <param name="logits">Of the next token; changed.</param>
    public static void Apply(GenerationOptions options, ReadOnlySpan<int> sequence, int eosId, Span<float> logits)
    {
        if (options.RepetitionPenalty != 1) PenalizeRepetition(options.RepetitionPenalty, sequence, logits);
        if (options.NoRepeatNgramSize > 0) ForbidRepeatedNgrams(options.NoRepeatNgramSize, sequence, logits);
        if (sequence.Length - 1 < options.MinNewTokens) logits[eosId] = float.NegativeInfinity;
        if (options.VocabularySize > 0 && options.VocabularySize < logits.Length) logits[options.VocabularySize..].Fill(float.NegativeInfinity);
    }

    static void PenalizeRepetition(float penalty, ReadOnlySpan<int> sequence, Span<float> logits)
    {
        for (int i = 0; i < sequence.Length; i++)
        {
            // Each id is penalised once, however often it occurs.
            if (sequence[..i].Contains(sequence[i])) continue;
            ref float logit = ref logits[sequence[i]];
            logit = logit < 0 ? logit * penalty : logit / penalty;
        }
    }

    static void ForbidRepeatedNgrams(int size, ReadOnlySpan<int> sequence, Span<float> logits)
    {
        if (sequence.Length < size) return;
        ReadOnlySpan<int> prefix = sequence[(sequence.Length - size + 1)..];
        for (int i = 0; i + size <= sequence.Length; i++)
            if (sequence.Slice(i, size - 1).SequenceEqual(prefix)) logits[sequence[i + size - 1]] = float.NegativeInfinity;
    }
}
