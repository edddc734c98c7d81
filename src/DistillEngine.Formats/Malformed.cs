using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace DistillEngine.Formats;

/// <summary>Throw helpers for files that break their format. Messages start with the path, then say where, what and what to do.</summary>
[StackTraceHidden]
static class Malformed
{
    public const string SaveAgain = "Download or save the file again.";

    [DoesNotReturn]
    public static void Throw(string path, string reason, string remedy = SaveAgain, Exception? cause = null) =>
        throw new InvalidDataException($"{path}: {reason}. {remedy}", cause);

    [DoesNotReturn]
    public static void ThrowTensor(string path, string tensor, string reason, string remedy = SaveAgain) =>
        throw new InvalidDataException($"{path}: tensor '{Shorten(tensor)}' {reason}. {remedy}");

    [DoesNotReturn]
    public static void ThrowAt(string path, long offset, string reason, string remedy = SaveAgain) =>
        throw new InvalidDataException($"{path}: at byte {offset}: {reason}. {remedy}");

    /// <summary>A name from a file, cut to a length that a message can carry.</summary>
    public static string Shorten(string name) => name.Length <= 200 ? name : string.Concat(name.AsSpan(0, 200), "…");
}
