using System.Text;
using DistillEngine.Data.Tokenization;
using Xunit;

namespace DistillEngine.Tests.Data.Tokenization;

public sealed class SentencePieceModelWriterTests : IDisposable
{
    readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    // Ids and texts as SentencePiece 0.1.97 gives them for the file that the writer makes of the toy vocabulary.
    [Theory]
    [InlineData("abab ba", new[] { 8, 6, 3, 9 }, "abab ba")]
    [InlineData("  a  b ", new[] { 7, 3, 5 }, "a b")]
    [InlineData("a<sep>b", new[] { 7, 11, 5 }, "a<sep>b")]
    [InlineData("<sep><sep> ab", new[] { 3, 11, 11, 8 }, "<sep><sep> ab")]
    [InlineData("azzb", new[] { 7, 14, 14, 5 }, "azzb")]
    [InlineData("é c", new[] { 3, 13, 3, 10 }, "é c")]
    [InlineData("</s>a<pad>", new[] { 3, 2, 4, 2, 4, 2 }, " ⁇ a ⁇ a ⁇ ")]
    [InlineData("xyzw a", new[] { 3, 2, 14, 2, 7 }, " ⁇ z ⁇  a")]
    [InlineData("ababababab", new[] { 8, 6, 6, 6, 6 }, "ababababab")]
    public void Write_WhenReadAgain_GivesTheIdsOfSentencePiece(string text, int[] ids, string decoded)
    {
        var tokenizer = RoundTrip(ToyVocabulary.Model);
        Assert.Equal(ids, tokenizer.Encode(text));
        Assert.Equal(decoded, tokenizer.Decode(ids));
    }

    [Theory]
    [InlineData("abab ba", new[] { 6, 6, 3, 9 }, "abab ba")]
    [InlineData("  a  b ", new[] { 3, 7, 3, 3, 5, 3 }, "  a  b ")]
    [InlineData("</s>a<pad>", new[] { 2, 4, 2, 4, 2 }, "?a?a?")]
    public void Write_WhenSettingsDiffer_KeepsThem(string text, int[] ids, string decoded)
    {
        var tokenizer = RoundTrip(ToyVocabulary.SuffixModel);
        Assert.Equal(ids, tokenizer.Encode(text));
        Assert.Equal(decoded, tokenizer.Decode(ids));
    }

    [Theory]
    [InlineData("t5")]
    [InlineData("mini-bytes")]
    public void Write_WhenGivenAModelThatWasRead_KeepsPiecesAndCharacterMap(string name)
    {
        var model = TokenizerGoldens.Load(name).Model;
        var again = RoundTrip(model).Model;
        Assert.Equal(model.Pieces, again.Pieces);
        Assert.True(model.Normalizer.CharacterMap.Span.SequenceEqual(again.Normalizer.CharacterMap.Span));
        Assert.Equal(model.ByteFallback, again.ByteFallback);
        Assert.Equal(model.Normalizer with { CharacterMap = default }, again.Normalizer with { CharacterMap = default });
    }

    [Fact]
    public void Write_WhenThereIsADenormalizer_KeepsIt()
    {
        var map = TokenizerGoldens.Load("mini").Model.Normalizer.CharacterMap;
        var denormalizer = new NormalizerSettings { CharacterMap = map, AddDummyPrefix = false, RemoveExtraWhitespaces = false, EscapeWhitespaces = false };
        var pieces = ToyVocabulary.Pieces.Append(new SentencePiece("ﬁ", -3)).ToArray();
        var tokenizer = RoundTrip(new SentencePieceModel { Pieces = pieces, Denormalizer = denormalizer });
        Assert.Equal("fi a", tokenizer.Decode([15, 7]));
    }

    [Fact]
    public void Write_WhenTheVocabularyIsLarge_StaysExact()
    {
        var random = new Random(11);
        var texts = new HashSet<string>();
        while (texts.Count < 20_000)
            texts.Add(string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => (char)random.Next('a', 'z'))));
        var pieces = ToyVocabulary.Pieces.Take(4).Concat(texts.Select(text => new SentencePiece(text, -text.Length))).ToArray();
        var tokenizer = RoundTrip(new SentencePieceModel { Pieces = pieces });
        foreach (var (piece, id) in pieces.Select((piece, id) => (piece, id)).Skip(4))
            Assert.Equal(piece.Text, tokenizer.PieceOf(tokenizer.TryGetId(piece.Text, out var found) && found == id ? id : -1));
        var text = new StringBuilder();
        for (var i = 0; i < 2_000; i++)
            text.Append(pieces[random.Next(4, pieces.Length)].Text);
        Assert.Equal(text.ToString(), tokenizer.Decode(tokenizer.Encode(text.ToString()).Where(id => id != 2).ToArray()).Replace(" ⁇ ", "",
            StringComparison.Ordinal));
    }

    [Fact]
    public void Serialize_WhenTheVocabularyIsUnsound_NamesThePiece()
    {
        static string Error(params SentencePiece[] pieces) =>
            Assert.Throws<ArgumentException>(() => SentencePieceModelWriter.Serialize(new SentencePieceModel { Pieces = pieces })).Message;

        var unknown = new SentencePiece("<unk>", 0, PieceType.Unknown);
        Assert.Contains("no piece has the type unknown", Error(new SentencePiece("a", -1)), StringComparison.Ordinal);
        Assert.Contains("no piece is normal", Error(unknown), StringComparison.Ordinal);
        Assert.Contains("piece 2 'a' is already defined", Error(unknown, new("a", -1), new("a", -2)), StringComparison.Ordinal);
        Assert.Contains("piece 1 'a' has the score NaN", Error(unknown, new("a", float.NaN)), StringComparison.Ordinal);
        Assert.Contains("piece 1 is empty", Error(unknown, new("", 0)), StringComparison.Ordinal);
        Assert.Contains("piece 1 is a second unknown piece", Error(unknown, unknown), StringComparison.Ordinal);
        Assert.Contains("byte_fallback is false", Error(unknown, new("<0x00>", 0, PieceType.Byte)), StringComparison.Ordinal);
        Assert.Contains("has type 9", Error(unknown, new("a", 0, (PieceType)9)), StringComparison.Ordinal);
    }

    SentencePieceTokenizer RoundTrip(SentencePieceModel model)
    {
        SentencePieceModelWriter.Write(_path, model);
        return SentencePieceTokenizer.Load(_path);
    }
}
