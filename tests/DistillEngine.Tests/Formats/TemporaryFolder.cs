namespace DistillEngine.Tests.Formats;

/// <summary>A folder of its own for one test, deleted at its end.</summary>
sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("distill-formats-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Names of everything directly inside, sorted.</summary>
    public string[] Names => [.. Directory.EnumerateFileSystemEntries(Path).Select(path => System.IO.Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
