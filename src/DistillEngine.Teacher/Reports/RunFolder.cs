using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Prompts;
using DistillEngine.Teacher.Replies;
using DistillEngine.Teacher.Runs;

namespace DistillEngine.Teacher.Reports;

/// <summary>A run's folder with what its manifest names: the task, the worked examples and the rows. From it and the journal the answers can
/// be parsed at any time, without asking anybody.</summary>
public sealed class RunFolder
{
    RunFolder(string path, RunManifest manifest, ShotSet shots, PromptRenderer renderer, IReadOnlyList<TeacherRow> rows) =>
        (FolderPath, Manifest, Shots, Renderer, Rows) = (path, manifest, shots, renderer, rows);

    public string FolderPath { get; }

    /// <summary>The manifest; <see cref="Parse"/> brings it up to date.</summary>
    public RunManifest Manifest { get; private set; }

    public ShotSet Shots { get; }

    public PromptRenderer Renderer { get; }

    public IReadOnlyList<TeacherRow> Rows { get; }

    /// <summary>The manifest of a run that is about to start. Limits, budget and prices are the caller's to add.</summary>
    /// <param name="provider">Kind of source, such as <c>openai-compat</c>.</param>
    /// <param name="endpoint">Host and port of the server, or null.</param>
    public static RunManifest Describe(string folder, ShotSet shots, PromptRenderer renderer, string input, int rows, string model, string provider,
        string? endpoint, TeacherParameters parameters, int samples, DateTimeOffset started)
    {
        ArgumentNullException.ThrowIfNull(shots);
        ArgumentNullException.ThrowIfNull(renderer);
        var task = shots.Task;
        bool isFile = File.Exists(task.Path);
        return new()
        {
            Run = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))),
            Tool = ToolVersion.Name,
            Commit = BuildInfo.Commit,
            Host = BuildInfo.Host,
            Started = started,
            Task = new(task.Name, isFile ? Path.GetFullPath(task.Path) : task.Path, shots.TaskSha256, task.Sha256, shots.Sha256, shots.Shots.Count,
                task.License, task.Source),
            Inputs = [ManifestInput.Of(input, rows)],
            Prompt = new(renderer.IsChat ? "chat" : "completions", renderer.Sha256, renderer.Text),
            Model = model,
            Provider = provider,
            Endpoint = endpoint,
            Params = parameters,
            ParamsSha = HashOf(parameters),
            Samples = samples,
        };
    }

    /// <summary>Opens the folder of a run that was started.</summary>
    /// <exception cref="InvalidDataException">The manifest is malformed, or the task, the examples or the input are not those of the
    /// run.</exception>
    /// <exception cref="FileNotFoundException">The manifest, the task or the input is missing.</exception>
    public static RunFolder Open(string folder)
    {
        var manifest = ManifestFile.Read(folder);
        string manifestPath = Path.Combine(folder, ManifestFile.Name);
        var shots = ShotSet.Load(TaskReader.Load(BuiltInName(manifest.Task.Path) ?? manifest.Task.Path));
        var renderer = new PromptRenderer(shots, manifest.Prompt.Form == "chat");
        if (manifest.Inputs is not [var input])
            throw new InvalidDataException($"{manifestPath}: inputs: has {manifest.Inputs.Count} entries (expected one).");
        if (!File.Exists(input.Path))
            throw new FileNotFoundException($"{input.Path}: no such file (expected the input of the run in {folder}; put it back).", input.Path);
        Same(input.Path, "the input", input.Sha256, ManifestInput.HashOf(input.Path), folder);
        Same(manifest.Task.Path, "the task or its worked examples", manifest.Task.Sha256, shots.TaskSha256, folder);
        Same(manifest.Task.Path, "the prompt", manifest.Prompt.Sha256, renderer.Sha256, folder);
        return new(folder, manifest, shots, renderer, TeacherRows.Read(input.Path, shots.Task));
    }

    /// <summary>What the journal holds so far. Writes nothing.</summary>
    public AnswerReport Inspect() => AnswerFiles.Inspect(Rows, Journal(), Settings(Manifest));

    /// <summary>Makes the rationale file, the reject file and the card from the journal, and notes the results in the manifest.</summary>
    /// <param name="parser">Rules to use; null: those of the manifest. See <see cref="ReplyParsers"/>.</param>
    /// <param name="onAmbiguous"><c>reject</c> or <c>first</c> in the place of the task's own word; null: the manifest's.</param>
    /// <param name="finished">When the run came to its end; null: as the manifest has it.</param>
    /// <exception cref="ArgumentException">The rules are unknown, or not there for this task.</exception>
    public AnswerReport Parse(string? parser = null, string? onAmbiguous = null, DateTimeOffset? finished = null)
    {
        if (onAmbiguous is not (null or "reject" or "first"))
            throw new ArgumentException($"'{onAmbiguous}' is no rule (expected reject or first).", nameof(onAmbiguous));
        var manifest = Manifest with
        {
            Parser = parser ?? Manifest.Parser,
            OnAmbiguous = onAmbiguous ?? Manifest.OnAmbiguous,
            Finished = finished ?? Manifest.Finished,
        };
        var report = AnswerFiles.Write(FolderPath, Rows, Journal(), Settings(manifest));
        Manifest = manifest with { Results = ManifestResults.Of(report, FolderPath) };
        DatasetCard.Write(FolderPath, Manifest, report);
        ManifestFile.Write(FolderPath, Manifest);
        return report;
    }

    /// <summary>Looks at answers while they arrive, by the rules that the manifest names.</summary>
    public FailureWatch Watch()
    {
        var task = TaskOf(Manifest);
        return new(ReplyParsers.For(task, Manifest.Parser), task.Parse);
    }

    AnswerBook Journal()
    {
        string path = Path.Combine(FolderPath, JournalReader.FileName);
        return new(File.Exists(path) ? JournalReader.Read(path) : []);
    }

    AnswerSettings Settings(RunManifest manifest) => new()
    {
        Task = TaskOf(manifest),
        Parser = ReplyParsers.For(TaskOf(manifest), manifest.Parser),
        Provenance = new Provenance
        {
            Run = manifest.Run,
            Model = manifest.Model,
            Provider = manifest.Provider,
            PromptSha = manifest.Prompt.Sha256,
            ParametersSha = manifest.ParamsSha,
            Task = manifest.Task.Name,
            TaskSha = manifest.Task.Sha256,
            Tool = manifest.Tool,
        },
        Samples = manifest.Samples,
        Cost = manifest.Prices is { } prices ? new Prices(prices.Input, prices.Output).Of : null,
        KeyOf = Keys(),
    };

    TaskDefinition TaskOf(RunManifest manifest) => manifest.OnAmbiguous is { } word
        ? Shots.Task with { Parse = Shots.Task.Parse with { RejectAmbiguous = word == "reject" } }
        : Shots.Task;

    /// <summary>Keys of a row's samples; its prompt is rendered once for all of them.</summary>
    Func<TeacherRow, int, string> Keys()
    {
        TeacherRow? last = null;
        TeacherPrompt? prompt = null;
        return (row, sample) =>
        {
            if (!ReferenceEquals(row, last)) (last, prompt) = (row, Renderer.Render(row));
            return new TeacherRequest(row.Id, sample, Manifest.Model, prompt!, Manifest.Params).Key;
        };
    }

    static void Same(string path, string what, string before, string now, string folder)
    {
        if (before != now)
            throw new InvalidDataException($"{path}: {what} changed since the run in {folder} was started (SHA-256 {before} then, {now} now; put "
                + "the old one back, or start another run).");
    }

    static string? BuiltInName(string path) => path.StartsWith("built-in:", StringComparison.Ordinal) ? path["built-in:".Length..] : null;

    static string HashOf(TeacherParameters parameters)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            TeacherRequest.WriteCanonical(json, parameters);
            json.WriteEndObject();
        }
        return Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
    }
}
