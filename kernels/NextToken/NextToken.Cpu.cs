using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>Split by rows; a row's logits are read twice, from cache; bound by bandwidth. No sums.</summary>
public sealed unsafe class NextTokenCpu(ComputePool pool) : NextToken
{
    // Below this many logits a part costs less than waking a thread for it.
    const long LeastElements = 1 << 15;

    protected override void ChooseCore(Tensor logits, Tensor history, NextTokenRules rules, Tensor ids)
    {
        var call = new Call
        {
            Logits = logits.HostPointer<float>(),
            History = history.HostPointer<int>(),
            Ids = ids.HostPointer<int>(),
            Rows = logits.Shape.D0,
            Vocabulary = logits.Shape.D1,
            Length = history.Shape.D1,
            Rules = rules,
            Parts = Split.Parts(logits.Count, LeastElements, pool.ThreadCount),
        };
        pool.Run(call.Parts, &Choose, &call);
    }

    static void Choose(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.Rows, part, call.Parts);
        for (long row = start; row < end; row++)
        {
            var logits = new Span<float>(call.Logits + row * call.Vocabulary, call.Vocabulary);
            Apply(call.Rules, new ReadOnlySpan<int>(call.History + row * call.Length, call.Length), logits);
            call.Ids[row] = Greatest.IndexOf(logits);
        }
    }

    static void Apply(in NextTokenRules rules, ReadOnlySpan<int> history, Span<float> logits)
    {
        if (rules.RepetitionPenalty != 1) PenalizeRepetition(rules.RepetitionPenalty, history, logits);
        if (rules.NoRepeatNgramSize > 0) ForbidRepeatedNgrams(rules.NoRepeatNgramSize, history, logits);
        if (history.Length - 1 < rules.MinNewTokens) logits[rules.EosId] = float.NegativeInfinity;
        if (rules.VocabularySize > 0 && rules.VocabularySize < logits.Length) logits[rules.VocabularySize..].Fill(float.NegativeInfinity);
    }

    static void PenalizeRepetition(float penalty, ReadOnlySpan<int> history, Span<float> logits)
    {
        for (int i = 0; i < history.Length; i++)
        {
            // Each id is penalised once, however often it occurs.
            if (history[..i].Contains(history[i])) continue;
            ref float logit = ref logits[history[i]];
            logit = logit < 0 ? logit * penalty : logit / penalty;
        }
    }

    static void ForbidRepeatedNgrams(int size, ReadOnlySpan<int> history, Span<float> logits)
    {
        if (history.Length < size) return;
        ReadOnlySpan<int> prefix = history[(history.Length - size + 1)..];
        for (int i = 0; i + size <= history.Length; i++)
            if (history.Slice(i, size - 1).SequenceEqual(prefix)) logits[history[i + size - 1]] = float.NegativeInfinity;
    }

    struct Call
    {
        public float* Logits;
        public int* History, Ids;
        public int Rows, Vocabulary, Length, Parts;
        public NextTokenRules Rules;
    }
}
