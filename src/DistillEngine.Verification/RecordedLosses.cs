using DistillEngine.Kernels;

namespace DistillEngine.Verification;

/// <summary>The losses of recorded training runs, made again by a backend that may compute with fewer bits than the tolerances of the checks allow
/// for.</summary>
public static class RecordedLosses
{
    const string Losses = "losses";

    /// <summary>Makes every recorded training run of a golden folder.</summary>
    /// <param name="backend">What computes.</param>
    /// <returns>One for each run: of all its losses the one that differs most from the recorded one, relatively.</returns>
    /// <exception cref="InvalidDataException">A run cannot be made, or its loss is no finite number.</exception>
    /// <exception cref="OperationCanceledException">Between two steps.</exception>
    public static IEnumerable<LossDifference> Of(string goldenFolder, IBackend backend, CancellationToken cancel)
    {
        var folder = new GoldenFolder(Path.GetFullPath(goldenFolder));
        return [
            .. folder.Models.SelectMany(path => Of(folder.NameOf(path), report => ModelCase.Train(path, backend, report), cancel)),
            .. folder.PublishedRuns.SelectMany(path =>
                Of(folder.NameOf(path), report => PublishedCase.Train(path, folder.Student, backend, report), cancel)),
        ];
    }

    static List<LossDifference> Of(string name, Action<CaseReport> train, CancellationToken cancel)
    {
        var found = new List<LossDifference>();
        var report = new CaseReport(name, Take, cancel);
        report.Guard("training", () => train(report));
        return found;

        void Take(CheckResult result)
        {
            // A check that failed without an error could not be made.
            if (result is { Pass: false, Error: null }) throw new InvalidDataException($"{name}: {result.Check}: {result.Reason}");
            if (result.Check.EndsWith(Losses, StringComparison.Ordinal) && result is { Error: { } error, Worst: { } where })
                found.Add(new(name, RunOf(result.Check), error, where));
        }
    }

    /// <summary>A model's runs have names, a published one is the only one of its case.</summary>
    static string RunOf(string check) => check == Losses ? "as published" : check[TrainingChecks.Prefix.Length..^$": {Losses}".Length];
}
