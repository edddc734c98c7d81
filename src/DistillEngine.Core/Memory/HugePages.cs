using System.Runtime.InteropServices;

namespace DistillEngine.Core;

/// <summary>Asks for pages of 2 MiB behind large buffers: a pass over hundreds of megabytes then misses the address caches 512 times less.</summary>
public static unsafe partial class HugePages
{
    /// <summary>Length and alignment of one, on x86-64 and on ARM64 with 4 KiB base pages.</summary>
    internal const int Size = 2 * 1024 * 1024;

    const string SettingFile = "/sys/kernel/mm/transparent_hugepage/enabled";

    // Below a few pages the rounding costs more memory than the pages save time.
    const long LeastBytes = 4L * Size;

    const int Advice = 14;   // MADV_HUGEPAGE of Linux

    /// <summary>The system's setting: <c>always</c> and <c>madvise</c> give such pages to who asks, <c>never</c> to nobody. Null where the system has none.</summary>
    public static string? Setting => File.Exists(SettingFile) ? Chosen(File.ReadAllText(SettingFile)) : null;

    /// <summary>Of words like <c>always [madvise] never</c> the one in brackets; null where there is none.</summary>
    static string? Chosen(string words)
    {
        int open = words.IndexOf('['), close = words.IndexOf(']');
        return open >= 0 && close > open ? words[(open + 1)..close] : null;
    }

    /// <summary>Alignment that a buffer of this length should have, in bytes.</summary>
    internal static int AlignmentFor(long byteLength) => IsWorthwhile(byteLength) ? Size : HostBuffer.Alignment;

    /// <summary>Advises the system. It may decline (its setting is "never", or it is not Linux): the pages are then ordinary ones.</summary>
    /// <param name="start">Aligned as <see cref="AlignmentFor"/> says.</param>
    internal static void Request(void* start, long byteLength)
    {
        if (IsWorthwhile(byteLength)) _ = Advise(start, (nuint)byteLength, Advice);
    }

    static bool IsWorthwhile(long byteLength) => OperatingSystem.IsLinux() && byteLength >= LeastBytes;

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint length, int advice);
}
