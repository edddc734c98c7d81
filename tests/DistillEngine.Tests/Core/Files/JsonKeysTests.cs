using System.Text;
using System.Text.Json;
using DistillEngine.Core;
using Xunit;

namespace DistillEngine.Tests.Core.Files;

public class JsonKeysTests
{
    [Theory]
    [InlineData("""{"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}""", null)]
    [InlineData("""{"a": 1, "b": 2, "a": 3}""", "a")]
    [InlineData("""[{"x": {"k": 1, "\u006b": 2}}]""", "k")]
    [InlineData("""{"": 1, "": 2}""", "")]
    [InlineData("3", null)]
    public void FindRepeated_IsTheFirstKeyThatStandsTwiceInOneObject(string text, string? expected) =>
        Assert.Equal(expected, JsonKeys.FindRepeated(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void FindRepeated_InNoJson_SaysWhere() =>
        Assert.Equal(5, Assert.ThrowsAny<JsonException>(() => JsonKeys.FindRepeated("{\"a\":}"u8)).BytePositionInLine);
}
