using Xunit;

namespace DistillEngine.Tests.Formats;

/// <summary>Finds folders of golden cases: those of the repository, those beside it, and those that DISTILL_GOLDEN names.</summary>
static class GoldenFolders
{
    public const string Repository = "repository";
    public const string Shared = "shared";
    public const string Environment = "environment";

    /// <summary>Roots of one origin; skips the test, with the reason, when there are none.</summary>
    public static string[] Roots(string origin)
    {
        string[] roots = origin switch
        {
            Repository => [Path.Combine(RepositoryRoot(), "tests", "goldens")],
            Shared => [Path.Combine(RepositoryRoot(), "..", "shared", "golden")],
            _ => (System.Environment.GetEnvironmentVariable("DISTILL_GOLDEN") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
        };
        roots = [.. roots.Where(root => File.Exists(Path.Combine(root, "checkpoints", "case.json")))];
        if (roots.Length == 0) Assert.Skip($"There are no golden checkpoints of origin '{origin}' here.");
        return roots;
    }

    public static string InRepository(params string[] parts) => Path.Combine([RepositoryRoot(), "tests", "goldens", .. parts]);

    static string RepositoryRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "DistillEngine.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"{AppContext.BaseDirectory}: no folder above holds DistillEngine.sln.");
    }
}
