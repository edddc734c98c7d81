using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>Small cases worked out by hand from the definitions in Hugging Face's generation.logits_process.</summary>
public class NextTokenTests
{
    const int EosId = 1;
    const float Never = float.NegativeInfinity;

    public static TheoryData<int> Threads => [1, 2, 3];

    [Theory, MemberData(nameof(Threads))]
    public void Choose_AgainstTheOracle_AgreesForAnyNumberOfThreads(int threads)
    {
        using var backend = new CpuBackend(CpuIsa.Scalar, threads);
        AgreesWithTheOracle(backend.Kernels);
    }

    [Theory, MemberData(nameof(Threads))]
    public void Choose_OfRowsForEveryThread_TakesEachRowsOwn(int threads)
    {
        const int Rows = 7, Vocabulary = 20_000;
        using var backend = new CpuBackend(CpuIsa.Scalar, threads);
        using var t = new HostTensors(9);
        Tensor logits = t.Filled("logits", new(Rows, Vocabulary), -1), ids = t.Empty("ids", new(Rows), DType.I32);
        for (int row = 0; row < Rows; row++) logits.HostSpan<float>()[row * Vocabulary + 1000 * row] = 1;
        backend.Kernels.NextToken.Choose(logits, t.From("history", new(Rows, 1), new int[Rows]), Off, ids);
        Assert.Equal([0, 1000, 2000, 3000, 4000, 5000, 6000], ids.HostSpan<int>());
    }

    [Fact]
    public void Choose_WithWrongShapesOrRules_NamesWhatIsExpected()
    {
        using var backend = new CpuBackend(CpuIsa.Scalar, 1);
        NextToken op = backend.Kernels.NextToken;
        using var t = new HostTensors(3);
        Tensor logits = t.Random("logits", new(2, 4)), ids = t.Empty("ids", new(2), DType.I32), history = t.From("history", new(2, 1), new[] { 0, 0 });
        Assert.Contains("next_token.choose: 'history'", Assert.Throws<ArgumentException>(() => op.Choose(logits, history.First(1), Off, ids)).Message,
            StringComparison.Ordinal);
        Assert.Contains("next_token.choose: 'ids'", Assert.Throws<ArgumentException>(() => op.Choose(logits, history, Off, ids.First(1))).Message,
            StringComparison.Ordinal);
        Assert.Contains("below 4, got 4", Assert.Throws<ArgumentException>(() => op.Choose(logits, history, Off with { EosId = 4 }, ids)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => op.Choose(logits, history, Off with { RepetitionPenalty = 0 }, ids));
        op.Choose(logits.First(0), history.First(0), Off, ids.First(0));
    }

    /// <summary>Random rows under every rule, ties, infinities and NaN: chosen ids and changed logits are the oracle's.</summary>
    internal static void AgreesWithTheOracle(KernelSet ops)
    {
        const int Rows = 4;
        foreach (int vocabulary in (int[])[1, 5, 33, 260])
            foreach (int length in (int[])[1, 2, 7, 23])
                foreach (NextTokenRules rules in (NextTokenRules[])[Off, new(1.7f, 0, 3, 0, 0), new(0.6f, 1, 0, 0, 30), new(1, 2, 9, vocabulary - 1, 4),
                    new(2, 3, 0, 0, 0)])
                    Agrees(vocabulary, length, rules);

        void Agrees(int vocabulary, int length, NextTokenRules rules)
        {
            using var t = new HostTensors(vocabulary + length);
            var random = new Random(t.Seed);
            Tensor logits = t.Random("logits", new(Rows, vocabulary)), ids = t.Empty("ids", new(Rows), DType.I32);
            int[] history = [.. Enumerable.Range(0, Rows * length).Select(_ => random.Next(Math.Min(vocabulary, 6)))];
            Span<float> values = logits.HostSpan<float>();
            // Ties in the second row, no number in the third, nothing above −∞ in the last.
            foreach (ref float value in values.Slice(vocabulary, vocabulary)) value = MathF.Round(value);
            values[2 * vocabulary + vocabulary / 2] = float.NaN;
            values[(3 * vocabulary)..].Fill(float.NegativeInfinity);
            float[][] expected = [.. values.ToArray().Chunk(vocabulary)];
            int[] chosen = [.. expected.Select((row, i) => NextTokenReference.Choose(row, history[(i * length)..((i + 1) * length)], rules))];
            ops.NextToken.Choose(logits, t.From("history", new(Rows, length), history), rules, ids);
            Assert.Equal(chosen, ids.HostSpan<int>());
            float[] changed = [.. expected.SelectMany(row => row)];
            for (int i = 0; i < changed.Length; i++)
                Assert.Equal(changed[i], logits.HostSpan<float>()[i], float.IsFinite(changed[i])
                    ? Tolerance.Elementwise * Tolerance.Epsilon * Math.Abs(changed[i])
                    : 0);
            Assert.True(t.GuardsAreIntact());
        }
    }

    [Fact]
    public void Choose_OfTheDefaults_ChangesNothing() => Assert.Equal([1f, 2, 3, -4], Apply(new(), [0, 2], [1, 2, 3, -4]));

    [Theory]
    [InlineData(0, 3f)]
    [InlineData(1, 3f)]
    [InlineData(2, Never)]
    public void Choose_OfMinNewTokens_ForbidsTheEndUntilSoManyFollowTheStart(int least, float expected) =>
        Assert.Equal([1f, expected, 2], Apply(new() { MinNewTokens = least }, [0, 2], [1, 3, 2]));

    [Fact]
    public void Choose_OfRepetitionPenalty_DividesPositiveAndMultipliesNegativeOnce() =>
        Assert.Equal([2f, 5, 3, -8, 7, -1], Apply(new() { RepetitionPenalty = 2 }, [0, 3, 3, 2], [4, 5, 6, -4, 7, -1]));

    [Fact]
    public void Choose_OfARepetitionPenaltyBelowOne_FavoursWhatIsThere() =>
        Assert.Equal([8f, 5, -2], Apply(new() { RepetitionPenalty = 0.5f }, [0, 2], [4, 5, -4]));

    [Fact]
    public void Choose_OfNoRepeatBigrams_ForbidsWhatFollowedTheLastToken() =>
        // 0 2 3 2: the bigrams 0 2, 2 3, 3 2 are there; behind 2 stands 3.
        Assert.Equal([1f, 1, 1, Never, 1], Apply(new() { NoRepeatNgramSize = 2 }, [0, 2, 3, 2], [1, 1, 1, 1, 1]));

    [Fact]
    public void Choose_OfNoRepeatTrigrams_LooksAtTwoTokens() =>
        // Behind 2 3 stood 4; behind 3 alone stood 2 too, which stays.
        Assert.Equal([1f, 1, 1, 1, Never], Apply(new() { NoRepeatNgramSize = 3 }, [2, 3, 4, 3, 2, 3], [1, 1, 1, 1, 1]));

    [Fact]
    public void Choose_OfNoRepeatUnigrams_ForbidsEveryTokenThereTheStartIncluded() =>
        Assert.Equal([Never, 1, Never, 1], Apply(new() { NoRepeatNgramSize = 1 }, [0, 2], [1, 1, 1, 1]));

    [Fact]
    public void Choose_OfNgramsLongerThanTheSequence_ChangesNothing() =>
        Assert.Equal([1f, 1, 1], Apply(new() { NoRepeatNgramSize = 3 }, [0, 2], [1, 1, 1]));

    [Fact]
    public void Choose_OfAVocabularySize_ForbidsTheRowsBehindIt() =>
        Assert.Equal([1f, 1, Never, Never], Apply(new() { VocabularySize = 2 }, [0], [1, 1, 1, 1]));

    [Fact]
    public void Choose_OfSeveral_PenalisesBeforeItForbids() =>
        Assert.Equal([2f, Never, Never, Never],
            Apply(new() { RepetitionPenalty = 2, NoRepeatNgramSize = 2, MinNewTokens = 5, VocabularySize = 3 }, [0, 2, 0], [4, 1, 6, 1]));

    static NextTokenRules Off => new(1, 0, 0, 0, 0);

    /// <summary>The changed logits of one sequence.</summary>
    static float[] Apply(GenerationOptions options, int[] sequence, float[] logits)
    {
        using var backend = new CpuBackend(CpuIsa.Scalar, 1);
        using var t = new HostTensors(1);
        Tensor values = t.From("logits", new(1, logits.Length), logits);
        backend.Kernels.NextToken.Choose(values, t.From("history", new(1, sequence.Length), sequence),
            new(options.RepetitionPenalty, options.NoRepeatNgramSize, options.MinNewTokens, EosId, options.VocabularySize), t.Empty("ids", new(1), DType.I32));
        return values.HostSpan<float>().ToArray();
    }
}
