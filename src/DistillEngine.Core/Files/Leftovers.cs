using System.Text.RegularExpressions;

namespace DistillEngine.Core;

/// <summary>
/// Names of unfinished files and folders. They stand beside the final name and end in <c>.partial-</c> or <c>.replaced-</c> and
/// eight hexadecimal digits; a process that stops in the middle of a write leaves them behind, and no reader opens them.
/// </summary>
public static partial class Leftovers
{
    /// <summary>Whether a file or folder name is one that an interrupted write leaves.</summary>
    public static bool IsLeftover(string name) => Pattern().IsMatch(name);

    /// <summary>Full paths of the leftovers directly in a folder, ordered by name; empty when the folder does not exist.</summary>
    public static IReadOnlyList<string> Find(string folder)
    {
        if (!Directory.Exists(folder)) return [];
        var found = new List<string>();
        foreach (string path in Directory.EnumerateFileSystemEntries(folder))
            if (IsLeftover(Path.GetFileName(path))) found.Add(path);
        found.Sort(StringComparer.Ordinal);
        return found;
    }

    /// <summary>Deletes the leftovers directly in a folder. Only while no other process writes there: its files in progress look the same.</summary>
    /// <returns>How many were deleted.</returns>
    public static int Delete(string folder)
    {
        var found = Find(folder);
        foreach (string path in found)
        {
            if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
            else File.Delete(path);
        }
        return found.Count;
    }

    /// <summary>Deletes a folder so that no reader sees a part of it: first it takes a leftover's name.</summary>
    public static void DeleteFolder(string path)
    {
        string aside = NewReplaced(path);
        Directory.Move(path, aside);
        Directory.Delete(aside, recursive: true);
    }

    internal static string NewPartial(string path) => NewName(path, "partial");

    internal static string NewReplaced(string path) => NewName(path, "replaced");

    static string NewName(string path, string state) => $"{path}.{state}-{Random.Shared.NextInt64(1L << 32):x8}";

    [GeneratedRegex(@"\.(partial|replaced)-[0-9a-f]{8}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
