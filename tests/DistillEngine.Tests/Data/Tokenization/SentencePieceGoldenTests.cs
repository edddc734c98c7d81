using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using Xunit;

namespace DistillEngine.Tests.Data.Tokenization;

/// <summary>Equality with what SentencePiece 0.2.3 and Hugging Face recorded.</summary>
public class SentencePieceGoldenTests
{
    [Theory]
    [InlineData("t5")]
    [InlineData("mini")]
    [InlineData("mini-bytes")]
    public void Encode_WhenATextWasRecorded_GivesTheIdsOfSentencePiece(string name)
    {
        var tokenizer = TokenizerGoldens.Load(name);
        ForEach(name, "texts", row => Assert.Equal(row.Ints("sentencepiece"), tokenizer.Encode(row.Text("text"))));
    }

    // From the data of the paper, whose recorded checksums hold these ids: the pieces of each tie have the same sum in another order.
    [Theory]
    [InlineData("it's sooooooo yummy", new[] { 34, 31, 7, 78, 32, 32, 16780, 19480 })]
    [InlineData("bd47827418d5b8d7fb3502a398644435",
        new[] { 3, 115, 26, 4177, 4613, 4581, 2606, 26, 755, 115, 927, 26, 940, 89, 115, 16975, 357, 9, 3288, 3840, 591, 3628, 2469 })]
    public void Encode_WhenTwoSplitsScoreTheSame_ChoosesAsSentencePiece(string text, int[] ids) => Assert.Equal(ids, TokenizerGoldens.Load("t5").Encode(text));

    [Theory]
    [InlineData("t5")]
    [InlineData("mini")]
    [InlineData("mini-bytes")]
    public void Decode_WhenIdsWereRecorded_GivesTheTextOfSentencePiece(string name)
    {
        var tokenizer = TokenizerGoldens.Load(name);
        ForEach(name, "texts", row => Assert.Equal(row.Text("decoded"), tokenizer.Decode(row.Ints("sentencepiece"))));
    }

    [Theory]
    [InlineData("t5")]
    [InlineData("mini")]
    [InlineData("mini-bytes")]
    public void Normalize_WhenATextWasRecorded_GivesTheTextOfSentencePiece(string name)
    {
        var tokenizer = TokenizerGoldens.Load(name);
        ForEach(name, "texts", row => Assert.Equal(row.Text("normalized"), tokenizer.Normalizer.Normalize(row.Text("text"))));
    }

    [Theory]
    [InlineData("t5")]
    [InlineData("mini")]
    [InlineData("mini-bytes")]
    public void Load_WhenTheLayoutIsT5s_KnowsTheSpecialIds(string name)
    {
        var tokenizer = TokenizerGoldens.Load(name);
        using var cases = TokenizerGoldens.Cases(name);
        Assert.Equal(cases.RootElement.GetProperty("pad").GetInt32(), tokenizer.PadId);
        Assert.Equal(cases.RootElement.GetProperty("eos").GetInt32(), tokenizer.EosId);
        Assert.Equal(cases.RootElement.GetProperty("unk").GetInt32(), tokenizer.UnknownId);
        Assert.Equal(cases.RootElement.GetProperty("pieces").GetInt32(), tokenizer.PieceCount);
        Assert.Equal(tokenizer.PieceCount + 100, tokenizer.VocabularySize);
    }

    [Fact]
    public void EncodeWithSpecialTokens_WhenATextSpellsThem_GivesTheIdsOfTheFastTokenizer()
    {
        var tokenizer = TokenizerGoldens.Load("t5");
        ForEach("t5", "with_special_tokens", row =>
        {
            var ids = new List<int>();
            tokenizer.EncodeWithSpecialTokens(row.Text("text"), ids);
            ids.Add(tokenizer.EosId);
            Assert.Equal(row.Ints("fast"), ids);
        });
    }

    [Fact]
    public void Decode_WhenSpecialTokensAreSpelledOrSkipped_GivesTheTextOfTheFastTokenizer()
    {
        var tokenizer = TokenizerGoldens.Load("t5");
        ForEach("t5", "with_special_tokens", row =>
        {
            Assert.Equal(row.Text("decoded"), tokenizer.Decode(row.Ints("fast"), skipSpecialTokens: false));
            Assert.Equal(row.Text("decoded_skip_special"), tokenizer.Decode(row.Ints("fast"), skipSpecialTokens: true));
        });
    }

    [Fact]
    public void EncodeWithEos_WhenTheTextIsTooLong_CutsThePiecesAndKeepsTheEnd()
    {
        var tokenizer = TokenizerGoldens.Load("t5");
        ForEach("t5", "truncation", row =>
        {
            var ids = new List<int>();
            var cut = tokenizer.EncodeWithEos(row.Text("text"), row.GetProperty("max_length").GetInt32(), ids);
            Assert.Equal(row.Ints("ids"), ids);
            Assert.Equal(tokenizer.Encode(row.Text("text")).Length + 1 - ids.Count, cut);
        });
    }

    [Fact]
    public void DecodeForMetric_WhenTheEvaluationWasRecorded_GivesItsText()
    {
        var tokenizer = TokenizerGoldens.Load("t5");
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(TokenizerGoldens.Folder("published"), "metrics.json")));
        var rows = document.RootElement.GetProperty("decode");
        Assert.NotEqual(0, rows.GetArrayLength());
        foreach (var row in rows.EnumerateArray())
        {
            Assert.Equal(row.Text("decoded"), tokenizer.DecodeForMetric(row.Ints("ids")));
            Assert.Equal(row.Text("decoded_without_clean_up"), tokenizer.Decode(row.Ints("ids"), skipSpecialTokens: true));
        }
    }

    [Fact]
    public void Encode_WhenTheDataOfThePaperIsGiven_GivesTheRecordedChecksums()
    {
        var root = Environment.GetEnvironmentVariable("DISTILL_DATA");
        if (string.IsNullOrEmpty(root))
            Assert.Skip("needs the data sets of the paper: set DISTILL_DATA to the folder that holds cqa/ and svamp/");
        var tokenizer = TokenizerGoldens.Load("t5");
        var ids = new List<int>();
        ForEach("t5", "corpora", row =>
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var (strings, tokens, unknown) = (0, 0, 0);
            foreach (var text in Strings(File.ReadAllBytes(Path.Combine(root, row.Text("file")))))
            {
                ids.Clear();
                tokenizer.Encode(text, ids);
                (strings, tokens, unknown) = (strings + 1, tokens + ids.Count, unknown + ids.Count(id => id == tokenizer.UnknownId));
                ids.Add(-1);
                var bytes = new byte[4 * ids.Count];
                for (var i = 0; i < ids.Count; i++)
                    BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4 * i), ids[i]);
                hash.AppendData(bytes);
            }

            Assert.Equal(row.GetProperty("strings").GetInt32(), strings);
            Assert.Equal(row.GetProperty("tokens").GetInt32(), tokens);
            Assert.Equal(row.GetProperty("unknown").GetInt32(), unknown);
            Assert.Equal(row.Text("sha256"), Convert.ToHexStringLower(hash.GetHashAndReset()));
        });
    }

    static void ForEach(string name, string table, Action<JsonElement> check)
    {
        using var cases = TokenizerGoldens.Cases(name);
        var rows = cases.RootElement.GetProperty(table);
        Assert.NotEqual(0, rows.GetArrayLength());
        foreach (var row in rows.EnumerateArray())
            check(row);
    }

    /// <summary>All strings of a file in document order: one JSON document, or one a line.</summary>
    static List<string> Strings(byte[] file)
    {
        var found = new List<string>();
        var reader = new Utf8JsonReader(file, new JsonReaderOptions { AllowMultipleValues = true });
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.String)
                found.Add(reader.GetString()!);
        }

        return found;
    }
}
