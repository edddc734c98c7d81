using System.Runtime.InteropServices;

namespace DistillEngine.Core;

/// <summary>Makes renames and new files inside a directory survive a power failure.</summary>
static partial class DirectorySync
{
    const int OpenReadOnlyCloseOnExec = 0x80000;   // O_RDONLY | O_CLOEXEC of Linux
    const int InvalidArgument = 22;                // EINVAL: the file system does not synchronise directories

    /// <summary>Synchronises a directory on Linux; elsewhere the system offers no such call and nothing happens.</summary>
    /// <exception cref="IOException">The system reports an error.</exception>
    public static void Flush(string directory)
    {
        if (!OperatingSystem.IsLinux()) return;
        int descriptor = Open(directory, OpenReadOnlyCloseOnExec);
        if (descriptor < 0) throw Failure(directory, Marshal.GetLastPInvokeError());
        try
        {
            if (Synchronize(descriptor) == 0) return;
            int error = Marshal.GetLastPInvokeError();
            if (error != InvalidArgument) throw Failure(directory, error);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    static IOException Failure(string directory, int error) =>
        new($"{directory}: the directory could not be synchronised to disk: {Marshal.GetPInvokeErrorMessage(error)}.");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Synchronize(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
