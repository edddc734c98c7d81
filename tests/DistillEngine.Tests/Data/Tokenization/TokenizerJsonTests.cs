using System.Text;
using System.Text.Json.Nodes;
using DistillEngine.Data.Tokenization;
using Xunit;

namespace DistillEngine.Tests.Data.Tokenization;

public sealed class TokenizerJsonTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("tokenizer-json").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("mini", "t5")]
    [InlineData("mini", "mt5")]
    [InlineData("mini-bytes", "t5")]
    [InlineData("mini-bytes", "mt5")]
    public void Load_WhenTheSameVocabularyIsGivenAsJson_GivesTheSameIds(string name, string form)
    {
        var tokenizer = Load(Describe(name, form));
        using var cases = TokenizerGoldens.Cases(name);
        foreach (var row in cases.RootElement.GetProperty("texts").EnumerateArray())
            Assert.Equal(row.Ints("sentencepiece"), tokenizer.Encode(row.Text("text")));
        Assert.Equal(tokenizer.VocabularySize - 1, tokenizer.SentinelId(0));
        Assert.Equal((0, 1, 2), (tokenizer.PadId, tokenizer.EosId, tokenizer.UnknownId));
    }

    [Fact]
    public void Load_WhenGivenHuggingFacesFileOfT5_GivesTheIdsOfEitherLibrary()
    {
        var tokenizer = SentencePieceTokenizer.Load(TokenizerGoldens.Shared("golden", "tokenizers", "t5", "tokenizer.json"));
        using var cases = TokenizerGoldens.Cases("t5");
        foreach (var row in cases.RootElement.GetProperty("texts").EnumerateArray())
        {
            var ids = tokenizer.Encode(row.Text("text"));
            if (!row.TryGetProperty("tokenizers", out _) || !ids.SequenceEqual(row.Ints("tokenizers")))
                Assert.Equal(row.Ints("sentencepiece"), ids);
        }

        Assert.Equal(32_100, tokenizer.VocabularySize);
        Assert.Equal((32_099, 32_000), (tokenizer.SentinelId(0), tokenizer.SentinelId(99)));
    }

    [Theory]
    [InlineData("""{"model":{"type":"BPE","vocab":{},"merges":[]}}""", "Unigram")]
    [InlineData("""{"model":{"type":"Unigram","vocab":[["a",-1]]}}""", "model.unk_id")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":7,"vocab":[["a",-1]]}}""", "model.unk_id")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a"]]}}""", "model.vocab[1]")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1],["a",-2]]}}""", "model.vocab[2]")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",1e99]]}}""", "model.vocab[1]")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["<unk>",0],["a",-1],["<0x00>",-1]]}}""", "<0x01>")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["\ud800",-1]]}}""", "not valid text")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1]]},"normalizer":{"type":"Lowercase"}}""", "Lowercase")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1]]},"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"}}""",
        "character map")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1]]},"normalizer":{"type":"Precompiled","precompiled_charsmap":"*"}}""",
        "base64")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1]]},"pre_tokenizer":{"type":"ByteLevel"}}""", "ByteLevel")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1]]},"added_tokens":[{"id":9,"content":"x","special":true}]}""", "gaps")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1]]},"added_tokens":[{"id":1,"content":"x"}]}""", "added_tokens[0]")]
    [InlineData("""{"model":""", "line 1")]
    [InlineData("[]", "the document")]
    [InlineData("", "JSON")]
    public void Load_WhenTheJsonIsNotAUnigramVocabulary_NamesFileAndPlace(string json, string place)
    {
        var path = Write(json);
        var error = Assert.Throws<InvalidDataException>(() => SentencePieceTokenizer.Load(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
    }

    SentencePieceTokenizer Load(JsonObject json) => SentencePieceTokenizer.Load(Write(json.ToJsonString()));

    string Write(string json)
    {
        var path = Path.Combine(_folder, "tokenizer.json");
        File.WriteAllText(path, json, new UTF8Encoding(false));
        return path;
    }

    /// <summary>The file that Hugging Face's converter makes of a vocabulary, with 100 sentinels.</summary>
    static JsonObject Describe(string name, string form)
    {
        var model = TokenizerGoldens.Load(name).Model;
        var vocabulary = new JsonArray();
        var added = new JsonArray();
        foreach (var (text, score, type) in model.Pieces)
        {
            if (type is PieceType.Control or PieceType.Unknown)
                added.Add((JsonNode)new JsonObject { ["id"] = vocabulary.Count, ["content"] = text, ["special"] = true });
            vocabulary.Add((JsonNode)new JsonArray(text, (double)score));
        }

        for (var number = 99; number >= 0; number--)
        {
            var text = $"<extra_id_{number}>";
            added.Add((JsonNode)new JsonObject { ["id"] = vocabulary.Count, ["content"] = text, ["special"] = true });
            vocabulary.Add((JsonNode)new JsonArray(text, 0.0));
        }

        var metaspace = new JsonObject { ["type"] = "Metaspace", ["replacement"] = "▁", ["prepend_scheme"] = "always", ["split"] = true };
        var map = new JsonObject { ["type"] = "Precompiled", ["precompiled_charsmap"] = Convert.ToBase64String(model.Normalizer.CharacterMap.Span) };
        var unigram = new JsonObject { ["type"] = "Unigram", ["unk_id"] = 2, ["vocab"] = vocabulary };
        if (form == "t5")
            unigram["byte_fallback"] = model.ByteFallback;
        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = added,
            ["normalizer"] = form == "mt5" ? map : new JsonObject
            {
                ["type"] = "Sequence",
                ["normalizers"] = new JsonArray(
                    map,
                    new JsonObject { ["type"] = "Strip", ["strip_left"] = false, ["strip_right"] = true },
                    new JsonObject { ["type"] = "Replace", ["pattern"] = new JsonObject { ["Regex"] = " {2,}" }, ["content"] = "▁" }),
            },
            ["pre_tokenizer"] = form != "mt5" ? metaspace : new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(new JsonObject { ["type"] = "WhitespaceSplit" }, metaspace),
            },
            ["model"] = unigram,
        };
    }
}
