using System.Diagnostics;

namespace DistillEngine.Benchmarks;

/// <summary>The most memory of this process that was resident at a time.</summary>
public static class PeakMemory
{
    public static double Megabytes
    {
        get
        {
            // Linux keeps the high-water mark itself, in KiB; elsewhere the runtime asks the system.
            const string Path = "/proc/self/status", Key = "VmHWM:";
            if (File.Exists(Path))
                foreach (string line in File.ReadLines(Path))
                    if (line.StartsWith(Key, StringComparison.Ordinal) && long.TryParse(line.AsSpan(Key.Length).TrimEnd("kB").Trim(), out long kibibytes))
                        return kibibytes * 1024 * 1e-6;
            using Process process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64 * 1e-6;
        }
    }
}
