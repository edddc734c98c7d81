using System.Runtime.InteropServices;

namespace DistillEngine.Kernels;

/// <summary>
/// Machine code in memory that is writable until the code is in it and executable afterwards, never both at once. It lives as long as the
/// process, as the code that the runtime compiles does.
/// </summary>
static unsafe partial class ExecutableMemory
{
    const int ProtRead = 1, ProtWrite = 2, ProtExecute = 4, MapPrivate = 2;
    const uint MemCommitReserve = 0x3000, PageReadWrite = 4, PageExecuteRead = 0x20, MemRelease = 0x8000;

    // The one constant of mmap that differs between the systems.
    static int MapAnonymous => OperatingSystem.IsMacOS() ? 0x1000 : 0x20;

    /// <summary>The address of a copy of the code that can be called; zero where the system refuses such memory.</summary>
    public static nint Load(ReadOnlySpan<byte> code) => OperatingSystem.IsWindows() ? LoadOnWindows(code) : LoadOnUnix(code);

    static nint LoadOnUnix(ReadOnlySpan<byte> code)
    {
        nint memory = Map(0, (nuint)code.Length, ProtRead | ProtWrite, MapPrivate | MapAnonymous, -1, 0);
        if (memory == -1) return 0;
        code.CopyTo(new Span<byte>((void*)memory, code.Length));
        if (Protect(memory, (nuint)code.Length, ProtRead | ProtExecute) == 0) return memory;
        _ = Unmap(memory, (nuint)code.Length);
        return 0;
    }

    static nint LoadOnWindows(ReadOnlySpan<byte> code)
    {
        nint memory = VirtualAlloc(0, (nuint)code.Length, MemCommitReserve, PageReadWrite);
        if (memory == 0) return 0;
        code.CopyTo(new Span<byte>((void*)memory, code.Length));
        if (VirtualProtect(memory, (nuint)code.Length, PageExecuteRead, out _) != 0) return memory;
        _ = VirtualFree(memory, 0, MemRelease);
        return 0;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("kernel32")]
    private static partial nint VirtualAlloc(nint address, nuint length, uint type, uint protection);

    [LibraryImport("kernel32")]
    private static partial int VirtualProtect(nint address, nuint length, uint protection, out uint old);

    [LibraryImport("kernel32")]
    private static partial int VirtualFree(nint address, nuint length, uint type);
}
