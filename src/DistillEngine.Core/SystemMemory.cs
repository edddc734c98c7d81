namespace DistillEngine.Core;

/// <summary>Main memory of this machine, within the limits of its container.</summary>
public static class SystemMemory
{
    /// <summary>Bytes the process may use at most.</summary>
    public static long TotalBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Bytes that can be taken now without swapping; where the system does not tell, what its load leaves of the total.</summary>
    public static long AvailableBytes
    {
        get
        {
            const string Path = "/proc/meminfo", Key = "MemAvailable:";
            if (File.Exists(Path))
                foreach (string line in File.ReadLines(Path))
                    if (line.StartsWith(Key, StringComparison.Ordinal) && long.TryParse(line.AsSpan(Key.Length).TrimEnd("kB").Trim(), out long kibibytes))
                        return Math.Min(kibibytes * 1024, TotalBytes);
            GCMemoryInfo info = GC.GetGCMemoryInfo();
            return Math.Max(0, info.TotalAvailableMemoryBytes - info.MemoryLoadBytes);
        }
    }
}
