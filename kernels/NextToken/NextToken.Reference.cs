using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="NextToken"/>, for one sequence.</summary>
public static class NextTokenReference
{
    /// <summary>Changes the logits by the rules and chooses.</summary>
    public static int Choose<T>(T[] logits, int[] history, in NextTokenRules rules) where T : IFloatingPointIeee754<T>
    {
        T penalty = T.CreateChecked(rules.RepetitionPenalty);
        foreach (int id in history.Distinct()) logits[id] = logits[id] < T.Zero ? logits[id] * penalty : logits[id] / penalty;
        int size = rules.NoRepeatNgramSize;
        for (int i = 0; size > 0 && i + size <= history.Length; i++)
            if (history.AsSpan(i, size - 1).SequenceEqual(history.AsSpan(history.Length - size + 1))) logits[history[i + size - 1]] = T.NegativeInfinity;
        if (history.Length - 1 < rules.MinNewTokens) logits[rules.EosId] = T.NegativeInfinity;
        for (int id = rules.VocabularySize; rules.VocabularySize > 0 && id < logits.Length; id++) logits[id] = T.NegativeInfinity;
        int best = 0;
        for (int id = 1; id < logits.Length; id++)
            if (logits[id] > logits[best] || T.IsNaN(logits[id]) && !T.IsNaN(logits[best])) best = id;
        return best;
    }
}
