using DistillEngine.Terminal;
using Xunit;

namespace DistillEngine.Tests.Cli;

public class CommandTextTests
{
    [Theory]
    [InlineData("my-run/rationales.jsonl", "my-run/rationales.jsonl")]
    [InlineData("Größe/1", "Größe/1")]
    [InlineData("my run", "'my run'")]
    [InlineData("it's", "'it'\\''s'")]
    [InlineData("$HOME", "'$HOME'")]
    [InlineData("~/a", "'~/a'")]
    [InlineData("a*", "'a*'")]
    [InlineData("", "''")]
    public void Quote_OfWhatAShellTakesApart_HoldsItTogether(string argument, string expected)
    {
        if (OperatingSystem.IsWindows()) expected = expected.StartsWith('\'') ? $"\"{argument}\"" : argument;
        Assert.Equal(expected, CommandText.Quote(argument));
    }
}
