namespace DistillEngine.Teacher.Runs;

/// <summary>Keeps two processes from working in one run folder. The system gives the lock back whichever way a process ends.</summary>
public sealed class RunLock : IDisposable
{
    const string FileName = ".lock";

    // A look at a lock (see IsHeld) keeps others from taking it, for microseconds.
    const int Attempts = 5;
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    readonly FileStream _file;

    RunLock(FileStream file) => _file = file;

    /// <summary>Takes the lock of a folder, which is created if missing.</summary>
    /// <exception cref="RunInUseException">Another process holds it.</exception>
    public static RunLock Take(string folder)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, FileName);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1));
            }
            catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException))
            {
                if (attempt == Attempts)
                    throw new RunInUseException($"{folder}: another process works in this folder (expected one at a time; "
                        + "wait for it or choose another --output).");
            }
            Thread.Sleep(Pause);
        }
    }

    /// <summary>Whether a process works in the folder. Only reads, so that any number of processes may ask, also about a folder that they may not
    /// write to.</summary>
    public static bool IsHeld(string folder)
    {
        try
        {
            using var look = new FileStream(Path.Combine(folder, FileName), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
            return false;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    public void Dispose() => _file.Dispose();
}
