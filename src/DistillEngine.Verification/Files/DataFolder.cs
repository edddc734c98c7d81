namespace DistillEngine.Verification;

/// <summary>The published data sets (<c>cqa/</c>, <c>svamp/</c>), which some checks need and no golden holds.</summary>
sealed class DataFolder
{
    /// <summary>Why a check without it was left out.</summary>
    public const string Missing = "needs the published data sets; give their folder with --data";

    DataFolder(string path) => Path = path;

    public string Path { get; }

    /// <param name="path">The folder that holds the data sets, or its parent where it is called <c>datasets</c>, as the archive unpacks;
    /// null: none.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static DataFolder? Open(string? path)
    {
        if (path is null) return null;
        if (!Directory.Exists(path))
            throw new DirectoryNotFoundException($"{path}: no such folder; expected the published data sets (cqa/, svamp/).");
        string inner = System.IO.Path.Combine(path, "datasets");
        return new(Directory.Exists(inner) ? inner : path);
    }
}
