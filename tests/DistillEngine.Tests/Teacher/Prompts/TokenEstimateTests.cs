using DistillEngine.Teacher;
using DistillEngine.Teacher.Prompts;
using Xunit;

namespace DistillEngine.Tests.Teacher.Prompts;

public class TokenEstimateTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("   ", 0)]
    [InlineData("word", 1)]
    [InlineData("distillation", 2)]
    [InlineData("two words.", 3)]
    [InlineData("12", 1)]
    [InlineData("12345", 2)]
    [InlineData("a\n\nb", 4)]
    [InlineData("(a) x", 4)]
    [InlineData("漢字", 2)]
    public void Of_AText_CountsByItsRule(string text, int tokens) => Assert.Equal(tokens, TokenEstimate.Of(text));

    [Fact]
    public void Of_AChat_AddsItsTurns() =>
        Assert.Equal(2 + 2 * 4, TokenEstimate.Of(TeacherPrompt.Chat(new("system", "one"), new("user", "two"))));

    [Fact]
    public void Of_EnglishProse_IsNearTheRuleOfThumb()
    {
        const string Prose = "The answer must be a container that holds a liquid and keeps it warm. "
            + "A wine glass and a flower pot lose heat, and a paper bag leaks.";
        // English has about four characters a token.
        Assert.InRange(TokenEstimate.Of(Prose), Prose.Length / 5, Prose.Length / 3);
    }
}
