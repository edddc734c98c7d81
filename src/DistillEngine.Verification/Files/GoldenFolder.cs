namespace DistillEngine.Verification;

/// <summary>A folder of golden cases. Cases are known by the files they consist of, never by their names.</summary>
sealed class GoldenFolder(string path)
{
    public const string CaseFile = "case.json";

    const string RunFile = "run.json", MetricsFile = "metrics.json", Tensors = "*.safetensors";

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
    public IEnumerable<string> PublishedRuns => Holding("published", RunFile);

    public IEnumerable<string> PublishedMetrics => Holding("published", MetricsFile);

    /// <summary>Folders that hold recorded values without the file that says what they are, and that file's name.</summary>
    public IEnumerable<(string Folder, string File)> Incomplete
    {
        get
        {
            foreach (var (group, file) in new[] { ("models", CaseFile), ("lora", CaseFile), ("published", RunFile) })
                foreach (string folder in Subfolders(group))
                    if (HoldsRecords(folder) && Lacks(folder, file)) yield return (folder, file);
            foreach (string group in new[] { "optimizers", "checkpoints", "gguf" })
            {
                string folder = System.IO.Path.Combine(Path, group);
                if (Directory.Exists(folder) && Directory.EnumerateFiles(folder, Tensors, SearchOption.AllDirectories).Any() && Lacks(folder, CaseFile))
                    yield return (folder, CaseFile);
            }
        }
    }

    /// <summary>The model that the published runs start from.</summary>
    public string Student => System.IO.Path.Combine(Path, "published", "student");

    /// <summary>Folders that may hold a vocabulary, recorded or not.</summary>
    public IEnumerable<string> Vocabularies => Subfolders("tokenizers").Prepend(Student);

    /// <summary>A folder's place as results show it, such as <c>models/long</c>.</summary>
    public string NameOf(string folder) => System.IO.Path.GetRelativePath(Path, folder).Replace('\\', '/');

    IEnumerable<string> Holding(string group, string file) => Subfolders(group).Where(f => File.Exists(System.IO.Path.Combine(f, file)));

    /// <summary>Weights alone are a model that other cases start from.</summary>
    static bool HoldsRecords(string folder) => Directory.EnumerateFiles(folder, Tensors)
        .Any(f => !System.IO.Path.GetFileName(f).StartsWith("model", StringComparison.Ordinal));

    static bool Lacks(string folder, string file) => !File.Exists(System.IO.Path.Combine(folder, file)) && !LeftOut.Names(folder, file);

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
