using DistillEngine.Core;

namespace DistillEngine.Teacher.Prompts;

/// <summary>Folders to start an own task from: a commented task file, worked examples and a few questions.</summary>
public static class Starter
{
    /// <summary>Kinds of starters: classification, multiple choice, word problems, free text.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["nli", "mc", "math", "text"];

    /// <summary>Names of the files that <see cref="Write"/> writes.</summary>
    public static IReadOnlyList<string> FileNames { get; } = ["task.json", "shots.jsonl", "questions.jsonl"];

    /// <summary>Writes a starter into a folder, which is created where it is missing; other files in it stay.</summary>
    /// <returns>The paths written.</returns>
    /// <exception cref="ArgumentException">The kind is unknown.</exception>
    /// <exception cref="IOException">One of the files exists; then none is written.</exception>
    public static IReadOnlyList<string> Write(string kind, string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Kinds.Contains(kind))
            throw new ArgumentException($"'{kind}' is no starter (expected one of {string.Join(", ", Kinds)}).", nameof(kind));
        string[] paths = [.. FileNames.Select(name => Path.Combine(folder, name))];
        if (Array.Find(paths, Path.Exists) is { } existing)
            throw new IOException($"{existing}: exists already (expected a folder without it; nothing was written).");
        Directory.CreateDirectory(folder);
        for (int i = 0; i < paths.Length; i++) AtomicFile.WriteAllText(paths[i], Resources.ReadText($"Starters.{kind}.{FileNames[i]}"));
        return paths;
    }
}
