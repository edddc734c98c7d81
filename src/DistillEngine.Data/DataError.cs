using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace DistillEngine.Data;

/// <summary>Errors of data files, all in one form: <c>path:line: field: problem (expected …)</c>.</summary>
[StackTraceHidden]
static class DataError
{
    /// <param name="line">Line in the file, from 1.</param>
    /// <param name="field">Name of the field, or empty where the line as a whole is meant.</param>
    public static InvalidDataException At(string path, long line, string field, string problem) =>
        new(field.Length == 0 ? $"{path}:{line}: {problem}" : $"{path}:{line}: {field}: {problem}");

    [DoesNotReturn]
    public static void Throw(string path, long line, string field, string problem) => throw At(path, line, field, problem);

    /// <summary>" Did you mean 'x'?" when one of the known names is close, else the list of all.</summary>
    public static string Suggest(string name, IEnumerable<string> known)
    {
        string[] names = [.. known];
        string? best = null;
        int bestDistance = Math.Max(2, name.Length / 3) + 1;
        foreach (string candidate in names)
        {
            int distance = Distance(name, candidate);
            if (distance < bestDistance) (best, bestDistance) = (candidate, distance);
        }
        return best is null ? $"expected one of {string.Join(", ", names)}" : $"did you mean '{best}'?";
    }

    /// <summary>A value shortened for a message.</summary>
    public static string Quote(string value) => value.Length <= 40 ? $"'{value}'" : $"'{value.AsSpan(0, 40)}…'";

    /// <summary>Levenshtein distance over two rows; names are short.</summary>
    static int Distance(string a, string b)
    {
        int[] previous = new int[b.Length + 1], current = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++) previous[j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substitute = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(substitute, 1 + Math.Min(previous[j], current[j - 1]));
            }
            (previous, current) = (current, previous);
        }
        return previous[b.Length];
    }
}
