using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>The next token of every sequence: the first of the greatest logits, after the rules have changed them. A choice has no gradient.</summary>
/// <remarks>Source of the rules: Hugging Face generation.logits_process. A NaN counts as the greatest.</remarks>
public abstract class NextToken
{
    /// <param name="logits">float32 [rows, vocabulary]; changed by the rules.</param>
    /// <param name="history">int32 [rows, length]: ids so far, the start token first, each below the vocabulary.</param>
    /// <param name="ids">int32 [rows]; overwritten.</param>
    /// <exception cref="ArgumentException">A shape, a dtype or a rule differs from the above.</exception>
    public void Choose(Tensor logits, Tensor history, NextTokenRules rules, Tensor ids)
    {
        var (rows, vocabulary) = (logits.Shape.D0, logits.Shape.D1);
        Check.Shape(logits, new(rows, vocabulary), "next_token.choose");
        Check.Shape(history, new(rows, history.Shape.D1), "next_token.choose", DType.I32);
        Check.Shape(ids, new(rows), "next_token.choose", DType.I32);
        Check.That(rules.EosId >= 0 && rules.EosId < vocabulary, "next_token.choose", $"an end of sequences below {vocabulary}, got {rules.EosId}");
        Check.That(rules.RepetitionPenalty > 0 && rules is { NoRepeatNgramSize: >= 0, VocabularySize: >= 0 }, "next_token.choose",
            "a positive penalty, sizes of at least 0");
        using var _ = Trace.Op("next_token.choose", ChooseCost(rows, vocabulary));
        ChooseCore(logits, history, rules, ids);
    }

    /// <summary>Every logit read once.</summary>
    public static Cost ChooseCost(int rows, int vocabulary) => new((long)rows * vocabulary, sizeof(float) * (long)rows * vocabulary);

    protected abstract void ChooseCore(Tensor logits, Tensor history, NextTokenRules rules, Tensor ids);
}
