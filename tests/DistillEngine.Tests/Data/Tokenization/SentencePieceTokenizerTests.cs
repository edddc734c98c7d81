using System.Buffers;
using DistillEngine.Data.Tokenization;
using Microsoft.ML.Tokenizers;
using Xunit;
using SentencePieceTokenizer = DistillEngine.Data.Tokenization.SentencePieceTokenizer;

namespace DistillEngine.Tests.Data.Tokenization;

public class SentencePieceTokenizerTests
{
    static readonly SentencePieceTokenizer Toy = new(ToyVocabulary.Model, extraIds: 3);
    static readonly SentencePieceTokenizer Bytes = new(ToyVocabulary.ByteModel);
    static readonly SentencePieceTokenizer T5 = TokenizerGoldens.Load("t5");

    [Fact]
    public void SentinelId_CountsDownFromTheLastId()
    {
        Assert.Equal(32_100, T5.VocabularySize);
        Assert.Equal((32_099, 32_098, 32_000), (T5.SentinelId(0), T5.SentinelId(1), T5.SentinelId(99)));
        Assert.Throws<ArgumentOutOfRangeException>(() => T5.SentinelId(100));
        Assert.Equal("<extra_id_0>", T5.PieceOf(32_099));
        Assert.True(T5.TryGetId("<extra_id_99>", out var id));
        Assert.Equal(32_000, id);
    }

    [Fact]
    public void SentinelId_WhenTheFileHoldsItsOwn_IsTheirId()
    {
        SentencePiece[] own = [new("▁<extra_id_1>", 0, PieceType.UserDefined), new("▁<extra_id_0>", 0, PieceType.UserDefined)];
        var tokenizer = new SentencePieceTokenizer(new SentencePieceModel { Pieces = [.. ToyVocabulary.Pieces, .. own] });
        Assert.Equal((16, 15), (tokenizer.SentinelId(0), tokenizer.SentinelId(1)));
        Assert.Equal(17, tokenizer.VocabularySize);
        var ids = new List<int>();
        tokenizer.EncodeWithSpecialTokens("a<extra_id_0>b", ids);
        Assert.Equal([7, 16, 3, 5], ids);
    }

    [Fact]
    public void PadId_WhenTheVocabularyHasNone_SaysSo()
    {
        var tokenizer = new SentencePieceTokenizer(new SentencePieceModel { Pieces = [new("<unk>", 0, PieceType.Unknown), new("a", -1)] });
        Assert.Contains("<pad>", Assert.Throws<InvalidOperationException>(() => tokenizer.PadId).Message, StringComparison.Ordinal);
        Assert.Contains("</s>", Assert.Throws<InvalidOperationException>(() => tokenizer.EosId).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("</s>")]
    [InlineData("a<pad>b")]
    [InlineData("<unk>")]
    [InlineData("<extra_id_0> of <extra_id_99>")]
    public void Encode_WhenATextSpellsSpecialTokens_GivesOrdinaryPieces(string text)
    {
        var ids = T5.Encode(text);
        Assert.DoesNotContain(T5.PadId, ids);
        Assert.DoesNotContain(T5.EosId, ids);
        Assert.DoesNotContain(ids, static id => id >= 32_000);
        Assert.Contains(ids, static id => id > 2);
    }

    [Fact]
    public void Encode_WhenASurrogateIsAlone_ReadsOneReplacementCharacter()
    {
        Assert.Equal("▁a\uFFFDb\uFFFD\uFFFD", Toy.Normalizer.Normalize("a\uD800b\uDC00\uD83D"));
        Assert.Equal([7, 2, 5, 2], Toy.Encode("a\uD800b\uDC00\uD83D"));
        Assert.Equal([7, 15 + 0xEF, 15 + 0xBF, 15 + 0xBD, 5], Bytes.Encode("a\uDC00b"));
    }

    [Fact]
    public void Encode_WhenBytesFallBack_SpellsEachUnknownCharacter()
    {
        var ids = Bytes.Encode("日x\0");
        Assert.Equal([3, 15 + 0xE6, 15 + 0x97, 15 + 0xA5, 15 + 'x', 15], ids);
        Assert.Equal("日x\0", Bytes.Decode(ids));
        Assert.Equal("日x\0", Bytes.Decode(ids, skipSpecialTokens: true));
    }

    [Fact]
    public void Decode_WhenBytesMakeNoCharacter_GivesAReplacementForEach()
    {
        int[] ids = [15 + 0xE6, 15 + 0x97, 4, 15 + 0xFF, 15 + 0xC3, 15 + 0xA9, 15 + 0xED, 15 + 0xA0, 15 + 0x80];
        Assert.Equal("\uFFFD\uFFFDa\uFFFDé\uFFFD\uFFFD\uFFFD", Bytes.Decode(ids));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(18)]
    public void Decode_WhenAnIdIsOutOfRange_Throws(int id)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Toy.Decode([4, id]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Toy.Decode([4, id], skipSpecialTokens: true));
    }

    [Fact]
    public void Decode_WhenASentinelFollowsThePieces_SpellsIt() => Assert.Equal("a<extra_id_0> b", Toy.Decode([7, 17, 3, 5, 1, 0]));

    [Fact]
    public void Encode_WhenTheListHoldsIds_AppendsToThem()
    {
        var ids = new List<int> { 42 };
        Toy.Encode("a", ids);
        Toy.Encode("", ids);
        Assert.Equal([42, 7], ids);
    }

    [Theory]
    [InlineData(1, new[] { 1 }, 3)]
    [InlineData(3, new[] { 8, 6, 1 }, 1)]
    [InlineData(4, new[] { 8, 6, 4, 1 }, 0)]
    public void EncodeWithEos_CountsTheEnd(int maxTokens, int[] expected, int cut)
    {
        var ids = new List<int>();
        Assert.Equal(cut, Toy.EncodeWithEos("ababa", maxTokens, ids));
        Assert.Equal(expected, ids);
        Assert.Throws<ArgumentOutOfRangeException>(() => Toy.EncodeWithEos("a", 0, ids));
    }

    [Fact]
    public void Encode_WhenTheTextIsLong_TakesTheSamePiecesAndNoMemory()
    {
        var text = string.Concat(Enumerable.Repeat("abab ba ", 200_000));
        var ids = new List<int>(900_000);
        Toy.Encode(text, ids);
        Assert.Equal(800_000, ids.Count);
        Assert.Equal([8, 6, 3, 9, 8, 6, 3, 9], ids[^8..]);

        ids.Clear();
        T5.Encode("predict: How many?", ids);
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                ids.Clear();
                T5.Encode("predict: How many?", ids);
            }
        }));
    }

    [Fact]
    public void Encode_WhenThreadsShareTheTokenizer_GivesEachItsIds()
    {
        using var cases = TokenizerGoldens.Cases("t5");
        var rows = cases.RootElement.GetProperty("texts").EnumerateArray().Select(static row =>
            (Text: row.Text("text"), Ids: row.Ints("sentencepiece"))).ToArray();
        Parallel.For(0, 8, worker =>
        {
            for (var i = 0; i < rows.Length; i++)
            {
                var (text, ids) = rows[(i + 61 * worker) % rows.Length];
                Assert.Equal(ids, T5.Encode(text));
            }
        });
    }

    [Fact]
    public void EncodeToTokens_CoversTheNormalizedText()
    {
        Tokenizer tokenizer = T5;
        foreach (var text in new[] { "ﬁve ½ apples", "日本 e\u0301 {x}", "", "😀😀 a", "a\uD800b" })
        {
            var tokens = tokenizer.EncodeToTokens(text, out var normalized);
            Assert.Equal(T5.Encode(text), tokens.Select(static token => token.Id));
            Assert.Equal(tokenizer.Normalizer!.Normalize(text), normalized);
            Assert.Equal(normalized, string.Concat(tokens.Select(token => normalized![token.Offset])));
            Assert.All(tokens, token => Assert.Equal(normalized![token.Offset], token.Value));
            Assert.Equal(tokens.Count, tokenizer.CountTokens(text));
            Assert.Equal(T5.Encode(text), tokenizer.EncodeToIds(text));
        }
    }

    [Fact]
    public void EncodeToTokens_WhenBytesFallBack_LetsTheLastByteCoverTheCharacter()
    {
        var tokens = Bytes.EncodeToTokens("日", out var normalized);
        Assert.Equal("▁日", normalized);
        Assert.Equal([0..1, 1..1, 1..1, 1..2], tokens.Select(static token => token.Offset));
        Assert.Equal(["▁", "<0xE6>", "<0x97>", "<0xA5>"], tokens.Select(static token => token.Value));
    }

    [Fact]
    public void EncodeToIds_WhenNormalizationIsOff_TakesTheTextAsItIs()
    {
        Assert.Equal([4, 2, 5], Toy.EncodeToIds("a \uD800b", considerNormalization: false));
        Assert.Equal([8], Toy.EncodeToIds("▁ab", considerNormalization: false));
    }

    [Fact]
    public void EncodeToIds_WhenCountIsLimited_SaysHowFarItCame()
    {
        var ids = Toy.EncodeToIds("ab ab ba", 2, out var normalized, out var consumed);
        Assert.Equal([8, 8], ids);
        Assert.Equal("▁ab▁ab", normalized![..consumed]);
    }

    [Fact]
    public void GetIndexByTokenCount_CutsTheNormalizedText()
    {
        var index = Toy.GetIndexByTokenCount("ab ab ba", 2, out var normalized, out var count);
        Assert.Equal(("▁ab▁ab", 2), (normalized![..index], count));
        index = Toy.GetIndexByTokenCountFromEnd("ab ab ba", 2, out normalized, out count);
        Assert.Equal(("▁ba", 2), (normalized![index..], count));
        Assert.Equal(9, Toy.GetIndexByTokenCount("ab ab ba", 99, out _, out count));
        Assert.Equal(4, count);
        Assert.Equal(0, Toy.GetIndexByTokenCountFromEnd("ab ab ba", 99, out _, out _));
    }

    [Fact]
    public void Decode_WhenTheDestinationIsShort_ConsumesWhatFits()
    {
        Tokenizer tokenizer = Bytes;
        int[] ids = [7, 15 + 0xE6, 15 + 0x97, 15 + 0xA5, 8];
        Span<char> room = stackalloc char[5];
        Assert.Equal(OperationStatus.Done, tokenizer.Decode(ids, room, out var consumed, out var written));
        Assert.Equal((5, "a日 ab"), (consumed, room[..written].ToString()));
        Assert.Equal(OperationStatus.DestinationTooSmall, tokenizer.Decode(ids, room[..4], out consumed, out written));
        Assert.Equal((4, "a日"), (consumed, room[..written].ToString()));
        Assert.Equal(OperationStatus.DestinationTooSmall, tokenizer.Decode(ids, room[..1], out consumed, out written));
        Assert.Equal((1, "a"), (consumed, room[..written].ToString()));
        Assert.Equal("a日 ab", tokenizer.Decode(ids.ToList()));
    }

    [Theory]
    [InlineData("a , b . c ? d !", "a, b. c? d!")]
    [InlineData("it 's not 'm and they 've , we 're , is n't", "it's not'm and they've, we're, isn't")]
    [InlineData("a ' b", "a'b")]
    [InlineData("a ' s", "a's")]
    [InlineData("( 8.0 - .5 )", "( 8.0 -.5 )")]
    public void Apply_CleansInThePublishedOrder(string text, string expected) => Assert.Equal(expected, SpaceCleanUp.Apply(text));
}
