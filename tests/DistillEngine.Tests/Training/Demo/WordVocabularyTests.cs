using DistillEngine.Data.Tokenization;
using DistillEngine.Training.Demo;
using Xunit;

namespace DistillEngine.Tests.Training.Demo;

public class WordVocabularyTests
{
    static readonly string[] Texts = [.. DemoTexts()];

    [Fact]
    public void Build_WithTheDemosTexts_SplitsEachIntoWholeWordsAndPunctuation()
    {
        var tokenizer = new SentencePieceTokenizer(WordVocabulary.Build(Texts));

        foreach (var text in Texts)
        {
            var ids = new List<int>();
            tokenizer.Encode(text, ids);
            var expected = text.Split(' ').SelectMany(word => char.IsAsciiLetterOrDigit(word[^1])
                ? new[] { $"\u2581{word}" }
                : [$"\u2581{word[..^1]}", word[^1..]]);
            Assert.Equal(expected, ids.Select(tokenizer.PieceOf));
        }
    }

    [Fact]
    public void Build_WithTheDemosTexts_StaysSmall()
    {
        var pieces = WordVocabulary.Build(Texts).Pieces;

        Assert.InRange(pieces.Count(piece => piece.Text.Length > 1 && piece.Text[0] == '\u2581'), 150, 300);
        Assert.InRange(pieces.Count, 250, 400);
    }

    [Fact]
    public void Build_WhenWrittenAndReadAsAFile_IsTheSame()
    {
        var model = WordVocabulary.Build(Texts);

        var folder = Directory.CreateTempSubdirectory("word-vocabulary-");
        try
        {
            var path = Path.Combine(folder.FullName, "spiece.model");
            SentencePieceModelWriter.Write(path, model);
            var read = SentencePieceTokenizer.Load(path);
            Assert.Equal(model.Pieces, read.Model.Pieces);
            Assert.Equal((0, 1, 2), (read.PadId, read.EosId, read.UnknownId));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Build_WithAFewWords_OrdersByCountThenSpellingAndScoresByShare()
    {
        var pieces = WordVocabulary.Build(["b a, c.", "c a."]).Pieces;

        Assert.Equal(
            ["<pad>", "</s>", "<unk>", ".", "\u2581a", "\u2581c", ",", "\u2581b", "\u2581", "!", "\""],
            pieces.Take(11).Select(piece => piece.Text));
        Assert.Equal([PieceType.Control, PieceType.Control, PieceType.Unknown, PieceType.Normal], pieces.Take(4).Select(piece => piece.Type));
        Assert.Equal((float)Math.Log(2 / 8.0), pieces[3].Score);
        Assert.Equal((float)Math.Log(1 / 8.0), pieces[7].Score);
        Assert.All(pieces.Skip(8), piece => Assert.True(piece.Score < pieces[7].Score - 1));
    }

    [Fact]
    public void Build_WhenTextsComeInAnotherOrder_IsTheSame() =>
        Assert.Equal(WordVocabulary.Build(Texts).Pieces, WordVocabulary.Build(Texts.Reverse()).Pieces);

    [Theory]
    [InlineData("a walrus")]
    [InlineData("ICE-cream (42) costs $3.50~ or {[<|>]} \\ `x` @ #1 & 100% ^ *_=+;: \"q\" 'r'/s!")]
    public void Build_WhenATextHasOtherWords_SpellsThemByCharacterWithoutUnknown(string text)
    {
        var tokenizer = new SentencePieceTokenizer(WordVocabulary.Build(Texts));
        var ids = new List<int>();

        tokenizer.Encode(text, ids);

        Assert.DoesNotContain(tokenizer.UnknownId, ids);
        Assert.Equal(text, tokenizer.Decode(ids.ToArray()));
    }

    [Theory]
    [InlineData("caf\u00e9")]
    [InlineData("a\tb")]
    public void Build_WhenATextIsNotPrintableAscii_Refuses(string text)
    {
        var error = Assert.Throws<ArgumentException>(() => WordVocabulary.Build(["fine", text]));

        Assert.Contains(text, error.Message, StringComparison.Ordinal);
    }

    static IEnumerable<string> DemoTexts()
    {
        var (train, test) = EverydayQuestions.Make(2000, 500, 1);
        return train.Concat(test).SelectMany(row => new[] { $"predict: {row.Input}", $"explain: {row.Input}", row.Label, row.Rationale });
    }
}
