using DistillEngine.Data.Tokenization;

namespace DistillEngine.Tests.Data;

/// <summary>One id a character, from 2 on: lengths and positions can be read off the text.</summary>
sealed class LetterTokenizer : ITokenizer
{
    public int VocabularySize => 130;

    public int PadId => 0;

    public int EosId => 1;

    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        foreach (char c in text) ids.Add(2 + c % 128);
    }

    public string Decode(ReadOnlySpan<int> ids)
    {
        var text = new System.Text.StringBuilder();
        foreach (int id in ids)
        {
            if (id > 1) text.Append((char)(id - 2));
        }
        return text.ToString();
    }

    public static int[] Ids(string text) => [.. text.Select(c => 2 + c % 128)];
}
