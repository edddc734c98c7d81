using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

/// <summary>Small cases worked out by hand from the definitions in Hugging Face's generation.logits_process.</summary>
public class LogitsProcessorsTests
{
    const int EosId = 1;
    const float Never = float.NegativeInfinity;

    [Fact]
    public void Apply_OfTheDefaults_ChangesNothing() => Assert.Equal([1f, 2, 3, -4], Apply(new(), [0, 2], [1, 2, 3, -4]));

    [Theory]
    [InlineData(0, 3f)]
    [InlineData(1, 3f)]
    [InlineData(2, Never)]
    public void Apply_OfMinNewTokens_ForbidsTheEndUntilSoManyFollowTheStart(int least, float expected) =>
        Assert.Equal([1f, expected, 2], Apply(new() { MinNewTokens = least }, [0, 2], [1, 3, 2]));

    [Fact]
    public void Apply_OfRepetitionPenalty_DividesPositiveAndMultipliesNegativeOnce() =>
        Assert.Equal([2f, 5, 3, -8, 7, -1], Apply(new() { RepetitionPenalty = 2 }, [0, 3, 3, 2], [4, 5, 6, -4, 7, -1]));

    [Fact]
    public void Apply_OfARepetitionPenaltyBelowOne_FavoursWhatIsThere() =>
        Assert.Equal([8f, 5, -2], Apply(new() { RepetitionPenalty = 0.5f }, [0, 2], [4, 5, -4]));

    [Fact]
    public void Apply_OfNoRepeatBigrams_ForbidsWhatFollowedTheLastToken() =>
        // 0 2 3 2: the bigrams 0 2, 2 3, 3 2 are there; behind 2 stands 3.
        Assert.Equal([1f, 1, 1, Never, 1], Apply(new() { NoRepeatNgramSize = 2 }, [0, 2, 3, 2], [1, 1, 1, 1, 1]));

    [Fact]
    public void Apply_OfNoRepeatTrigrams_LooksAtTwoTokens() =>
        // Behind 2 3 stood 4; behind 3 alone stood 2 too, which stays.
        Assert.Equal([1f, 1, 1, 1, Never], Apply(new() { NoRepeatNgramSize = 3 }, [2, 3, 4, 3, 2, 3], [1, 1, 1, 1, 1]));

    [Fact]
    public void Apply_OfNoRepeatUnigrams_ForbidsEveryTokenThereTheStartIncluded() =>
        Assert.Equal([Never, 1, Never, 1], Apply(new() { NoRepeatNgramSize = 1 }, [0, 2], [1, 1, 1, 1]));

    [Fact]
    public void Apply_OfNgramsLongerThanTheSequence_ChangesNothing() =>
        Assert.Equal([1f, 1, 1], Apply(new() { NoRepeatNgramSize = 3 }, [0, 2], [1, 1, 1]));

    [Fact]
    public void Apply_OfAVocabularySize_ForbidsTheRowsBehindIt() => Assert.Equal([1f, 1, Never, Never], Apply(new() { VocabularySize = 2 }, [0], [1, 1, 1, 1]));

    [Fact]
    public void Apply_OfSeveral_PenalisesBeforeItForbids() =>
        Assert.Equal([2f, Never, Never, Never],
            Apply(new() { RepetitionPenalty = 2, NoRepeatNgramSize = 2, MinNewTokens = 5, VocabularySize = 3 }, [0, 2, 0], [4, 1, 6, 1]));

    [Theory]
    [InlineData(0, 0, 1f, 0)]
    [InlineData(4, 5, 1f, 0)]
    [InlineData(4, -1, 1f, 0)]
    [InlineData(4, 0, 0f, 0)]
    [InlineData(4, 0, float.NaN, 0)]
    [InlineData(4, 0, float.PositiveInfinity, 0)]
    [InlineData(4, 0, 1f, -1)]
    public void Validate_WhenAnOptionIsOutOfRange_Throws(int most, int least, float penalty, int ngram) =>
        Assert.Throws<ArgumentException>(new GenerationOptions { MaxNewTokens = most, MinNewTokens = least, RepetitionPenalty = penalty, NoRepeatNgramSize = ngram }.Validate);

    static float[] Apply(GenerationOptions options, int[] sequence, float[] logits)
    {
        LogitsProcessors.Apply(options, sequence, EosId, logits);
        return logits;
    }
}
