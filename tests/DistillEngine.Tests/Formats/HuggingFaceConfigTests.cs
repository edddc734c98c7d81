using DistillEngine.Formats;
using Xunit;

namespace DistillEngine.Tests.Formats;

public sealed class HuggingFaceConfigTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("models/long/config.json")]
    [InlineData("models/long/generation_config.json")]
    [InlineData("checkpoints/untied-written-by-v5/config.json")]
    public void Save_WhenNothingChanged_GivesTheSameBytes(string file)
    {
        string path = GoldenFolders.InRepository(file.Split('/'));
        HuggingFaceConfig.Load(path).Save(_folder["config.json"]);
        Assert.Equal(File.ReadAllText(path), File.ReadAllText(_folder["config.json"]));
    }

    [Fact]
    public void Get_Values_ByType()
    {
        var config = Parse("""{"i":-3,"d":1e-06,"whole":2,"b":true,"s":"gated-gelu","n":null,"unknown":{"x":[1]}}""");
        Assert.Equal(-3, config.GetInt32("i", -3, 0));
        Assert.Equal(1e-6, config.GetDouble("d", 0, 1));
        Assert.Equal(2, config.GetDouble("whole"));
        Assert.True(config.GetBoolean("b"));
        Assert.Equal("gated-gelu", config.GetString("s"));
        Assert.Equal((7, 0.5, true, "x"),
            (config.GetInt32OrDefault("n", 7), config.GetDoubleOrDefault("none", 0.5), config.GetBooleanOrDefault("n", true),
            config.GetStringOrDefault("none", "x")));
        Assert.Equal((-3, 1e-6, true, "gated-gelu"),
            (config.GetInt32OrDefault("i", 7), config.GetDoubleOrDefault("d", 0.5), config.GetBooleanOrDefault("b", false),
            config.GetStringOrDefault("s", "x")));
        Assert.False(config.Contains("n"));
    }

    [Fact]
    public void Set_KeepsTheOrderAndUnknownKeys()
    {
        var config = Parse("""{"b":1,"unknown":{"x":[1,2.50]},"a":"é"}""");
        config.Set("b", 2);
        config.Set("rate", 0.1);
        config.Set("flag", false);
        config.Set("names", ["p", "q"]);
        config.Set("text", "t");
        Assert.Equal(["b", "unknown", "a", "rate", "flag", "names", "text"], config.Keys);
        Assert.Equal((2, 0.1, false, "t"), (config.GetInt32("b"), config.GetDouble("rate"), config.GetBoolean("flag"), config.GetString("text")));
        Assert.Equal(2, config.GetDouble("b"));
        Assert.True(config.Remove("rate"));
        config.Save(_folder["config.json"]);
        Assert.Equal("{\n  \"b\": 2,\n  \"unknown\": {\n    \"x\": [\n      1,\n      2.50\n    ]\n  },\n  \"a\": \"é\",\n  \"flag\": "
            + "false,\n  \"names\": [\n    \"p\",\n    \"q\"\n  ],\n  \"text\": \"t\"\n}\n",
            File.ReadAllText(_folder["config.json"]));
        Assert.Throws<ArgumentOutOfRangeException>(() => config.Set("rate", double.NaN));
    }

    [Theory]
    [InlineData("{}", "key 'k' is missing, expected an integer")]
    [InlineData("""{"k":null}""", "key 'k' is missing, expected an integer")]
    [InlineData("""{"k":"12"}""", "key 'k' is \"12\", expected an integer of 32 bits")]
    [InlineData("""{"k":1.5}""", "key 'k' is 1.5, expected an integer of 32 bits")]
    [InlineData("""{"k":4294967296}""", "key 'k' is 4294967296, expected an integer of 32 bits")]
    [InlineData("""{"k":true}""", "key 'k' is true, expected an integer of 32 bits")]
    [InlineData("""{"k":{"a":"\ud800"}}""", "not valid JSON")]
    [InlineData("""{"k":0}""", "key 'k' is 0, expected a value from 1 to 10")]
    [InlineData("""{"k":11}""", "key 'k' is 11, expected a value from 1 to 10")]
    public void GetInt32_WhenTheValueIsWrong_NamesPathAndKey(string json, string expected) =>
        AssertError(() => Parse(json).GetInt32("k", 1, 10), expected);

    [Theory]
    [InlineData("""{"k":"1"}""", "key 'k' is \"1\", expected a number")]
    [InlineData("""{"k":1e400}""", "key 'k' is 1e400, expected a value from 0 to 1")]
    [InlineData("""{"k":-0.5}""", "key 'k' is -0.5, expected a value from 0 to 1")]
    public void GetDouble_WhenTheValueIsWrong_NamesPathAndKey(string json, string expected) =>
        AssertError(() => Parse(json).GetDouble("k", 0, 1), expected);

    [Theory]
    [InlineData("""{"k":1}""", "key 'k' is 1, expected true or false")]
    public void GetBoolean_WhenTheValueIsWrong_NamesPathAndKey(string json, string expected) => AssertError(() => Parse(json).GetBoolean("k"), expected);

    [Theory]
    [InlineData("""{"k":1}""", "key 'k' is 1, expected a string")]
    [InlineData("""{"k":"\ud800"}""", "not valid JSON")]
    public void GetString_WhenTheValueIsWrong_NamesPathAndKey(string json, string expected) => AssertError(() => Parse(json).GetString("k"), expected);

    static void AssertError(Func<object> read, string expected)
    {
        var error = Assert.Throws<InvalidDataException>(read);
        Assert.StartsWith("folder/config.json: ", error.Message);
        Assert.Contains(expected, error.Message);
    }

    static HuggingFaceConfig Parse(string json) => HuggingFaceConfig.Parse(System.Text.Encoding.UTF8.GetBytes(json), "folder/config.json");
}
