namespace DistillEngine.Training;

/// <summary>Keeps a run's folder to one process. The system gives the lock back when the process ends, however it ends.</summary>
sealed class RunLock : IDisposable
{
    const string FileName = "run.lock";

    readonly FileStream _file;

    RunLock(FileStream file) => _file = file;

    /// <param name="folder">The run's folder, which exists.</param>
    /// <exception cref="InvalidDataException">Another process trains in it.</exception>
    public static RunLock Take(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose));
        }
        catch (IOException e) when (e.GetType() == typeof(IOException) && File.Exists(path))
        {
            throw new InvalidDataException($"{folder}: another process trains into this folder ({FileName} is held). Wait for its end, or give another --output.", e);
        }
    }

    public void Dispose() => _file.Dispose();
}
