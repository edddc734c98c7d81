namespace DistillEngine.Teacher.Runs;

/// <summary>Keeps two processes from working in one run folder. The system gives the lock back whichever way a process ends.</summary>
public sealed class RunLock : IDisposable
{
    const string FileName = ".lock";

    readonly FileStream _file;

    RunLock(FileStream file) => _file = file;

    /// <summary>Takes the lock of a folder, which is created if missing.</summary>
    /// <exception cref="RunInUseException">Another process holds it.</exception>
    public static RunLock Take(string folder)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, FileName);
        try
        {
            return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1));
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException))
        {
            throw new RunInUseException($"{folder}: another process works in this folder (expected one at a time; wait for it or choose another --output).");
        }
    }

    /// <summary>Whether a process works in the folder.</summary>
    public static bool IsHeld(string folder)
    {
        if (!File.Exists(Path.Combine(folder, FileName))) return false;
        try
        {
            using RunLock held = Take(folder);
            return false;
        }
        catch (RunInUseException)
        {
            return true;
        }
    }

    public void Dispose() => _file.Dispose();
}
