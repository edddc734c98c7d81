namespace DistillEngine.Tests.House;

/// <summary>The source files of the repository.</summary>
static class Repository
{
    static readonly string[] SourceFolders = ["src", "kernels", "tests", "bench"];

    static readonly char Separator = Path.DirectorySeparatorChar;

    public static string Root { get; } = FindRoot();

    /// <summary>Paths relative to the root, with forward slashes; nothing that a build made.</summary>
    public static IEnumerable<string> Files(string pattern) =>
        from folder in SourceFolders
        let path = Path.Combine(Root, folder)
        where Directory.Exists(path)
        from file in Directory.EnumerateFiles(path, pattern, SearchOption.AllDirectories)
        let relative = Path.GetRelativePath(Root, file)
        where !relative.Split(Separator).Any(static part => part is "bin" or "obj")
        orderby relative
        select relative.Replace(Separator, '/');

    static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "DistillEngine.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"{AppContext.BaseDirectory}: no folder above holds DistillEngine.sln.");
    }
}
