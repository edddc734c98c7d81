using System.Runtime.InteropServices;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>Zeros whose end is followed by a page that may not be touched.</summary>
sealed unsafe partial class GuardedMemory : IDisposable
{
    const int ReadWrite = 3, None = 0, PrivateAnonymous = 0x22;

    readonly nint _pages;
    readonly nuint _length;

    public GuardedMemory(int bytes)
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Guard pages are set up on Linux alone.");
        int page = Environment.SystemPageSize, whole = (bytes + page - 1) / page * page;
        _length = (nuint)(whole + page);
        _pages = Map(0, _length, ReadWrite, PrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, _pages);
        Assert.Equal(0, Protect(_pages + whole, (nuint)page, None));
        Start = (byte*)_pages + whole - bytes;
    }

    public byte* Start { get; }

    public void Dispose() => _ = Unmap(_pages, _length);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
