using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using DistillEngine.Core;

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
        return Spelling.Closest(name, names) is { } best ? $"did you mean '{best}'?" : $"expected one of {string.Join(", ", names)}";
    }

    /// <summary>A value shortened for a message.</summary>
    public static string Quote(string value) => value.Length <= 40 ? $"'{value}'" : $"'{value.AsSpan(0, 40)}…'";
}
