using DistillEngine.Kernels;

namespace DistillEngine.Verification;

/// <summary>Holds the engine to recorded values of the reference implementations: behind <c>distill verify</c> and the tests.</summary>
public static class GoldenRunner
{
    const string NotBuiltYet = "not built yet";

    /// <summary>Runs every case found, one after another. A case that cannot be run, or whose files are incomplete, is a failed check; the
    /// others go on.</summary>
    /// <param name="goldenFolders">Folders with models/, optimizers/, tokenizers/, checkpoints/, lora/, gguf/, published/, or some of
    /// them.</param>
    /// <param name="dataFolder">The published data sets, or null: what needs them is left out with that reason.</param>
    /// <param name="backend">What computes.</param>
    /// <param name="report">Told of each check as it is done, on the calling thread.</param>
    /// <exception cref="DirectoryNotFoundException">The data folder does not exist.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, between two steps of a case.</exception>
    public static void Run(IReadOnlyList<string> goldenFolders, string? dataFolder, IBackend backend, Action<CheckResult> report,
        CancellationToken cancel)
    {
        DataFolder? data = DataFolder.Open(dataFolder);
        GoldenFolder[] folders = [.. goldenFolders.Select(f => new GoldenFolder(Path.GetFullPath(f)))];
        var vocabulary = PublishedVocabulary.Find(folders);
        foreach (GoldenFolder folder in folders)
        {
            // Cases of several folders may share their names.
            string prefix = folders.Length == 1 ? "" : $"{folder.Path}:";
            int cases = 0;
            foreach (var (path, run) in Cases(folder, data, vocabulary, backend))
            {
                cases++;
                var caseReport = new CaseReport(prefix + folder.NameOf(path), report, cancel);
                caseReport.Guard("run", () => run(caseReport));
                if (caseReport.Checks == 0) caseReport.Fail("run", $"{path}: records nothing to check. Copy the golden again.");
            }
            if (cases == 0)
                report(new(folder.Path, "cases", null, null, null, false,
                    Directory.Exists(folder.Path)
                        ? "holds no golden cases; expected folders such as models/NAME with a case.json"
                        : "no such folder"));
        }
    }

    static IEnumerable<(string Path, Action<CaseReport> Run)> Cases(GoldenFolder folder, DataFolder? data, PublishedVocabulary? vocabulary,
        IBackend backend)
    {
        foreach (var (path, file) in folder.Incomplete) yield return (path, report => report.Has("case", path, file, exists: false));
        foreach (string path in folder.Models) yield return (path, report => ModelCase.Run(path, backend, report));
        if (folder.Optimizers is { } optimizers) yield return (optimizers, report => OptimizerCase.Run(optimizers, backend, report));
        foreach (string path in folder.Tokenizers) yield return (path, report => TokenizerCase.Run(path, data, report));
        if (folder.Checkpoints is { } checkpoints)
            yield return (checkpoints, report => CheckpointCase.Run(checkpoints, folder.Path, backend, report));
        foreach (string path in folder.Adapters) yield return (path, report => report.Skip("adapter", NotBuiltYet));
        if (folder.Gguf is { } gguf) yield return (gguf, report => report.Skip("gguf", NotBuiltYet));
        foreach (string path in folder.PublishedMetrics) yield return (path, report => MetricsCase.Run(path, vocabulary, report));
        foreach (string path in folder.PublishedRuns)
            yield return (path, report => PublishedCase.Run(path, folder.Student, data, vocabulary, backend, report));
    }
}
