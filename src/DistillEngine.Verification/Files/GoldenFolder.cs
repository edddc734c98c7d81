namespace DistillEngine.Verification;

/// <summary>A folder of golden cases. Cases are known by the files they consist of, never by their names.</summary>
sealed class GoldenFolder(string path)
{
    public const string CaseFile = "case.json";

    public string Path { get; } = path;

    /// <summary>Folders under <c>models/</c> that record what their model computes.</summary>
    public IEnumerable<string> Models => Holding("models", CaseFile);

    /// <summary>The folder of raw optimizer runs, or null.</summary>
    public string? Optimizers => Single("optimizers");

    public IEnumerable<string> Tokenizers => Holding("tokenizers", "cases.json");

    /// <summary>The folder of one model in many layouts, or null.</summary>
    public string? Checkpoints => Single("checkpoints");

    public IEnumerable<string> Adapters => Holding("lora", CaseFile);

    public string? Gguf => Single("gguf");

    /// <summary>Folders of runs of the published code.</summary>
    public IEnumerable<string> PublishedRuns => Holding("published", "run.json");

    public IEnumerable<string> PublishedMetrics => Holding("published", "metrics.json");

    /// <summary>The model that the published runs start from.</summary>
    public string Student => System.IO.Path.Combine(Path, "published", "student");

    /// <summary>Folders that may hold a vocabulary, recorded or not.</summary>
    public IEnumerable<string> Vocabularies => Subfolders("tokenizers").Prepend(Student);

    /// <summary>A folder's place as results show it, such as <c>models/long</c>.</summary>
    public string NameOf(string folder) => System.IO.Path.GetRelativePath(Path, folder).Replace('\\', '/');

    IEnumerable<string> Holding(string group, string file) => Subfolders(group).Where(f => File.Exists(System.IO.Path.Combine(f, file)));

    IEnumerable<string> Subfolders(string group)
    {
        string folder = System.IO.Path.Combine(Path, group);
        return Directory.Exists(folder) ? Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal) : [];
    }

    string? Single(string group)
    {
        string folder = System.IO.Path.Combine(Path, group);
        return File.Exists(System.IO.Path.Combine(folder, CaseFile)) ? folder : null;
    }
}
