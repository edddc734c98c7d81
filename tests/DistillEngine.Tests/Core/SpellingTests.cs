using DistillEngine.Core;
using Xunit;

namespace DistillEngine.Tests.Core;

public class SpellingTests
{
    [Theory]
    [InlineData("trian", "train")]
    [InlineData("--stepz", "--steps")]
    [InlineData("train", "train")]
    [InlineData("something", null)]
    [InlineData("x", null)]
    public void Closest_IsTheNameWithFewestErrorsIfFew(string name, string? expected) =>
        Assert.Equal(expected, Spelling.Closest(name, ["train", "--steps", "data"]));
}
