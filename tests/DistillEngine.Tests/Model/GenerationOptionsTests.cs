using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

public class GenerationOptionsTests
{
    [Theory]
    [InlineData(0, 0, 1f, 0)]
    [InlineData(4, 5, 1f, 0)]
    [InlineData(4, -1, 1f, 0)]
    [InlineData(4, 0, 0f, 0)]
    [InlineData(4, 0, float.NaN, 0)]
    [InlineData(4, 0, float.PositiveInfinity, 0)]
    [InlineData(4, 0, 1f, -1)]
    public void Validate_WhenAnOptionIsOutOfRange_Throws(int most, int least, float penalty, int ngram) =>
        Assert.Throws<ArgumentException>(new GenerationOptions
        {
            MaxNewTokens = most, MinNewTokens = least, RepetitionPenalty = penalty,
            NoRepeatNgramSize = ngram
        }.Validate);
}
