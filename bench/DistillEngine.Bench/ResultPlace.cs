using System.Globalization;
using System.Text.RegularExpressions;

namespace DistillEngine.Bench;

/// <summary>The folder of this processor's or device's results: bench/results/&lt;device&gt;/.</summary>
static partial class ResultPlace
{
    const string CpuInfo = "/proc/cpuinfo";

    /// <summary>Makes the folder if it is missing.</summary>
    /// <param name="device">The vendor's name of a device; null for the processor.</param>
    /// <exception cref="DirectoryNotFoundException">The program does not run within the repository.</exception>
    public static string Create(string? device) =>
        Directory.CreateDirectory(Path.Combine(Root(), "bench", "results", device is null ? Processor() : Slug(device))).FullName;

    /// <summary>The repository.</summary>
    /// <exception cref="DirectoryNotFoundException">The program does not run within it.</exception>
    public static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "DistillEngine.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new DirectoryNotFoundException($"{AppContext.BaseDirectory}: no folder above holds DistillEngine.sln; run a build within the repository.");
    }

    /// <summary>Name, generation where the name hides it, and cores: amd-epyc-zen4-2cores.</summary>
    static string Processor()
    {
        string name = Field("model name") ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown";
        // Virtual machines often show no more than the maker's family name.
        string generation = (Number("cpu family"), Number("model")) switch
        {
            (26, _) => " zen5",
            (25, (>= 0x10 and <= 0x1F) or (>= 0x60 and <= 0x7F) or (>= 0xA0 and <= 0xAF)) => " zen4",
            (25, _) => " zen3",
            (6, 0x6A or 0x6C) => " ice lake",
            (6, 0x8F) => " sapphire rapids",
            (6, 0xCF) => " emerald rapids",
            (6, 0xAD or 0xAE) => " granite rapids",
            _ => "",
        };
        name = name.Replace("(R)", "", StringComparison.Ordinal).Replace("(TM)", "", StringComparison.Ordinal).Replace(" Processor", "", StringComparison.Ordinal);
        return Slug($"{name}{generation} {Environment.ProcessorCount}cores");
    }

    static string Slug(string name) => Punctuation().Replace(name.ToLowerInvariant(), "-").Trim('-');

    static int? Number(string key) => int.TryParse(Field(key), CultureInfo.InvariantCulture, out int value) ? value : null;

    static string? Field(string key) => !File.Exists(CpuInfo) ? null : File.ReadLines(CpuInfo).Select(line => line.Split(':', 2))
        .FirstOrDefault(parts => parts.Length == 2 && parts[0].Trim() == key)?[1].Trim();

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex Punctuation();
}
