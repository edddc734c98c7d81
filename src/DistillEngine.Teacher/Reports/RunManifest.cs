namespace DistillEngine.Teacher.Reports;

/// <summary><c>manifest.json</c> of a run (schema <c>distill.run/1</c>): what was asked, of whom, how, and what came of it. It holds no key and
/// no address beyond the host's name.</summary>
public sealed record RunManifest
{
    /// <summary>Schema that is written and read.</summary>
    public const string SchemaName = "distill.run/1";

    public string Schema { get; init; } = SchemaName;

    /// <summary>Name of the run: its folder's.</summary>
    public required string Run { get; init; }

    /// <summary>Program and version.</summary>
    public required string Tool { get; init; }

    /// <summary>Commit the program was built from, or null.</summary>
    public string? Commit { get; init; }

    /// <summary>Operating system of the machine that asked.</summary>
    public string? Host { get; init; }

    /// <summary>When the run was first started, UTC.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When it was finished, UTC; null while it is not.</summary>
    public DateTimeOffset? Finished { get; init; }

    public required ManifestTask Task { get; init; }

    public required IReadOnlyList<ManifestInput> Inputs { get; init; }

    public required ManifestPrompt Prompt { get; init; }

    /// <summary>The model, as asked for.</summary>
    public required string Model { get; init; }

    /// <summary>Kind of source, such as <c>openai-compat</c>, <c>batch</c> or <c>replay</c>.</summary>
    public required string Provider { get; init; }

    /// <summary>Host (and port) of the server; null where none is asked.</summary>
    public string? Endpoint { get; init; }

    /// <summary>How answers are asked for.</summary>
    public required TeacherParameters Params { get; init; }

    /// <summary>SHA-256 of the parameters, lower-case hexadecimal.</summary>
    public required string ParamsSha { get; init; }

    /// <summary>Answers asked for each row.</summary>
    public required int Samples { get; init; }

    /// <summary>Rules that took the answers apart: <c>task</c> or <c>published</c>.</summary>
    public string Parser { get; init; } = "task";

    /// <summary>What became of answers that name several choices, where it was not as the task says: <c>reject</c> or <c>first</c>.</summary>
    public string? OnAmbiguous { get; init; }

    /// <summary>Limits of speed, by option name; null for none.</summary>
    public IReadOnlyDictionary<string, double?> Limits { get; init; } = new Dictionary<string, double?>();

    /// <summary>Limits of use, by option name; null for none.</summary>
    public IReadOnlyDictionary<string, double?> Budget { get; init; } = new Dictionary<string, double?>();

    /// <summary>Prices the costs were reckoned with, or null.</summary>
    public ManifestPrices? Prices { get; init; }

    /// <summary>What came of it; null before the first parse.</summary>
    public ManifestResults? Results { get; init; }

    /// <summary>
    /// What differs between two runs so that their answers must not be mixed, one line each; empty where the second may go on with the
    /// first. Limits, budgets, prices and parser may differ.
    /// </summary>
    public IReadOnlyList<string> Differences(RunManifest now)
    {
        ArgumentNullException.ThrowIfNull(now);
        var lines = new List<string>();
        Compare(lines, "task", Task.Name, now.Task.Name);
        Compare(lines, "task definition or worked examples", Task.Sha256, now.Task.Sha256);
        Compare(lines, "input", string.Join(", ", Inputs.Select(input => input.Sha256)), string.Join(", ", now.Inputs.Select(input => input.Sha256)));
        Compare(lines, "api", Prompt.Form, now.Prompt.Form);
        Compare(lines, "prompt", Prompt.Sha256, now.Prompt.Sha256);
        Compare(lines, "model", Model, now.Model);
        Compare(lines, "provider", Provider, now.Provider);
        Compare(lines, "host", Endpoint, now.Endpoint);
        Compare(lines, "parameters", ParamsSha, now.ParamsSha);
        Compare(lines, "samples", Samples.ToString(), now.Samples.ToString());
        return lines;
    }

    static void Compare(List<string> lines, string name, string? before, string? now)
    {
        if (before != now) lines.Add($"{name}: {before ?? "none"} before, {now ?? "none"} now");
    }
}
