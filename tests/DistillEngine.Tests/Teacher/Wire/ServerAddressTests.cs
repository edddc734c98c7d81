using DistillEngine.Teacher.Wire;
using Xunit;

namespace DistillEngine.Tests.Teacher.Wire;

public class ServerAddressTests
{
    [Theory]
    [InlineData("http://localhost:8000", "http://localhost:8000/v1/completions")]
    [InlineData("http://localhost:8000/", "http://localhost:8000/v1/completions")]
    [InlineData("https://api.openai.com/v1", "https://api.openai.com/v1/completions")]
    [InlineData("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/completions")]
    [InlineData("https://api.groq.com/openai/v1/", "https://api.groq.com/openai/v1/completions")]
    [InlineData("https://x.openai.azure.com/openai/deployments/d?api-version=2024",
        "https://x.openai.azure.com/openai/deployments/d/completions?api-version=2024")]
    public void Endpoint_OfTheAddressUsersKnow_IsTheServers(string given, string expected) =>
        Assert.Equal(expected, ServerAddress.Parse(given).Endpoint(isChat: false).AbsoluteUri);

    [Theory]
    [InlineData("localhost:8000")]
    [InlineData("ftp://host")]
    [InlineData("http://user:secret@host/v1")]
    public void Parse_OfWhatIsNoAddress_SaysSoWithoutRepeatingIt(string given)
    {
        var error = Assert.Throws<ArgumentException>(() => ServerAddress.Parse(given));
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Display_HidesTheQuery() => Assert.Equal("https://host/v1", ServerAddress.Parse("https://host/v1?key=secret").Display);
}
