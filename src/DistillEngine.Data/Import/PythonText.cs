namespace DistillEngine.Data.Import;

/// <summary>Trimming as Python's <c>str.strip</c> does it: also the four separator control characters, which .NET does not count as
/// blanks.</summary>
static class PythonText
{
    public static string Trim(string text) => TrimStart(TrimEnd(text));

    public static string TrimStart(string text)
    {
        int start = 0;
        while (start < text.Length && IsBlank(text[start])) start++;
        return text[start..];
    }

    public static string TrimEnd(string text)
    {
        int end = text.Length;
        while (end > 0 && IsBlank(text[end - 1])) end--;
        return text[..end];
    }

    static bool IsBlank(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';
}
