namespace DistillEngine.Core;

/// <summary>
/// A folder that appears under its name only when it is complete: filled under a temporary name beside it, synchronised to disk, then
/// renamed. A reader never sees it half-written; after a crash, <see cref="Leftovers"/> finds the rest in the parent folder.
/// </summary>
public sealed class AtomicFolder : IDisposable
{
    bool _committed;

    /// <summary>Starts a folder that will stand at <paramref name="path"/>; missing parents are created.</summary>
    /// <exception cref="IOException">The temporary folder cannot be created.</exception>
    public AtomicFolder(string path)
    {
        FinalPath = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        WorkingPath = Leftovers.NewPartial(FinalPath);
        Directory.CreateDirectory(WorkingPath);
    }

    /// <summary>Where the folder will stand.</summary>
    public string FinalPath { get; }

    /// <summary>The temporary folder to write into, until <see cref="Commit"/>.</summary>
    public string WorkingPath { get; }

    /// <summary>Brings every file to disk and renames the folder into place.</summary>
    /// <param name="replace">
    /// Whether a folder or file of that name is replaced. Then the old one is first renamed aside, so for a moment neither is there;
    /// a crash in that moment leaves both, complete, among the leftovers.
    /// </param>
    /// <exception cref="InvalidOperationException">It was committed before.</exception>
    /// <exception cref="IOException">The name is taken and <paramref name="replace"/> is false.</exception>
    public void Commit(bool replace = false)
    {
        if (_committed) throw new InvalidOperationException($"{FinalPath}: the folder is already committed.");
        Synchronize(WorkingPath);
        string? replaced = null;
        if (Path.Exists(FinalPath))
        {
            if (!replace) throw new IOException($"{FinalPath}: the name is taken. Choose another name or delete what is there.");
            replaced = Leftovers.NewReplaced(FinalPath);
            Move(FinalPath, replaced);
        }
        try
        {
            Directory.Move(WorkingPath, FinalPath);
        }
        catch when (replaced is not null)
        {
            Move(replaced, FinalPath);
            throw;
        }
        _committed = true;
        DirectorySync.Flush(Path.GetDirectoryName(FinalPath)!);
        if (replaced is not null) Delete(replaced);
    }

    /// <summary>Deletes the temporary folder unless it was committed.</summary>
    public void Dispose()
    {
        if (!_committed && Directory.Exists(WorkingPath)) Directory.Delete(WorkingPath, recursive: true);
    }

    static void Move(string from, string to)
    {
        if (Directory.Exists(from)) Directory.Move(from, to);
        else File.Move(from, to);
    }

    static void Delete(string path)
    {
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        else File.Delete(path);
    }

    static void Synchronize(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            // Windows synchronises only what is open for writing; elsewhere reading is enough, and read-only files pass.
            using var handle = File.OpenHandle(file, FileMode.Open, OperatingSystem.IsWindows() ? FileAccess.ReadWrite : FileAccess.Read);
            RandomAccess.FlushToDisk(handle);
        }
        foreach (string child in Directory.EnumerateDirectories(folder)) Synchronize(child);
        DirectorySync.Flush(folder);
    }
}
