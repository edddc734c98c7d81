using System.Reflection;
using System.Runtime.InteropServices;

namespace DistillEngine.Teacher.Reports;

/// <summary>Where the program comes from and runs.</summary>
public static class BuildInfo
{
    /// <summary>Commit the program was built from, as the build noted it, or null.</summary>
    public static string? Commit { get; } =
        CommitOf(typeof(BuildInfo).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion);

    /// <summary>Name and version of the operating system and the processor's architecture.</summary>
    public static string Host { get; } =
        $"{RuntimeInformation.OSDescription} {RuntimeInformation.OSArchitecture}".Trim();

    static string? CommitOf(string? version)
    {
        int plus = version?.IndexOf('+') ?? -1;
        return plus < 0 ? null : version![(plus + 1)..];
    }
}
