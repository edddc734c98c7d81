using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using DistillEngine.Core;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Replies;
using DistillEngine.Teacher.Reports;
using DistillEngine.Teacher.Runs;

namespace DistillEngine.Teacher.Sessions;

/// <summary>The folder of a run, held against other processes: its manifest, and what <c>parse</c> makes of its journal.</summary>
public sealed class RunFolder : IDisposable
{
    /// <summary>Rules for answers that name several choices, as options and manifests call them.</summary>
    public const string RejectRule = "reject";

    /// <inheritdoc cref="RejectRule"/>
    public const string FirstRule = "first";

    readonly RunLock _lock;

    RunFolder(string path, RunLock held) => (FolderPath, _lock) = (path, held);

    public string FolderPath { get; }

    /// <summary>Takes a folder, which is created if missing, and clears away what an interrupted process left.</summary>
    /// <exception cref="RunInUseException">Another process works in it.</exception>
    public static RunFolder Take(string path)
    {
        RunLock held = RunLock.Take(path);
        Leftovers.Delete(path);
        return new(path, held);
    }

    /// <summary>As <see cref="Take"/>, for a folder that must be a run's already.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static RunFolder TakeExisting(string path) =>
        Directory.Exists(path)
            ? Take(path)
            : throw new DirectoryNotFoundException($"{path}: no such folder (expected one that 'distill-teacher run' has written).");

    /// <summary>What the manifest of a run says that starts here, or goes on with the one that is there. Writes nothing.</summary>
    /// <exception cref="InvalidDataException">The folder holds a run with other settings; the message says what differs.</exception>
    public RunManifest Manifest(RunSetup setup, RunTerms terms, DateTimeOffset now)
    {
        RunManifest manifest = Describe(setup, terms, now);
        if (File.Exists(Path.Combine(FolderPath, ManifestFile.Name)))
        {
            RunManifest before = ManifestFile.Read(FolderPath);
            // Where the model is asked is no part of a question: a server may move, and a batch be finished online.
            IReadOnlyList<string> differences = before.Differences(manifest with { Endpoint = before.Endpoint, Provider = before.Provider });
            if (differences.Count > 0)
                throw new InvalidDataException($"{FolderPath}: holds a run with other settings: {string.Join("; ", differences)} (expected the same; "
                    + $"choose another --output{Hint(differences)}).");
            manifest = manifest with
            {
                Started = before.Started,
                Prices = manifest.Prices ?? before.Prices,
                Results = before.Results,
                Parser = before.Parser,
                OnAmbiguous = before.OnAmbiguous
            };
        }
        return manifest;
    }

    /// <summary>Starts a run, or goes on with the one that is there.</summary>
    /// <param name="manifest">As <see cref="Manifest"/> gives it.</param>
    public void Begin(RunSetup setup, RunManifest manifest)
    {
        ManifestFile.Write(FolderPath, manifest);
        bool isBuiltIn = TaskReader.BuiltIn.Contains(setup.Task.Name) && setup.Task.Path.StartsWith("built-in:", StringComparison.Ordinal);
        new RunPaths(isBuiltIn ? setup.Task.Name : Path.GetFullPath(setup.Task.Path), setup.Input, setup.Plan.Requests.Count).Write(FolderPath);
    }

    /// <summary>Makes <c>rationales.jsonl</c>, <c>rejects.jsonl</c> and the data-set card from the journal, and notes the results in the manifest.</summary>
    /// <param name="parser">Name of the parsing rules; see <see cref="ReplyParsers"/>.</param>
    /// <param name="onAmbiguous">What becomes of answers that name several choices, <c>reject</c> or <c>first</c>; null: what the task says.</param>
    /// <exception cref="InvalidDataException">The task's prompt is no longer the one that was asked with, or its questions are others.</exception>
    public AnswerReport Parse(RunSetup setup, string parser, string? onAmbiguous, DateTimeOffset now)
    {
        RunManifest manifest = ManifestFile.Read(FolderPath);
        if (manifest.Prompt.Sha256 != setup.Renderer.Sha256)
            throw new InvalidDataException($"{setup.Task.Path}: the prompt is not the one that {FolderPath} asked with (expected the same "
                + "instructions, worked examples and query; undo that change, or start a run in another folder).");
        bool isChanged = IsChanged(setup, manifest);
        // The rules may have changed since the run was asked: the files are made by the present ones.
        manifest = manifest with { Parser = parser, OnAmbiguous = onAmbiguous, Task = Describe(setup), Tool = ToolVersion.Name, Commit = BuildInfo.Commit };
        AnswerReport report = AnswerFiles.Write(FolderPath, setup.Rows, Book(FolderPath), Settings(setup, manifest) with { NeedsAllAnswers = isChanged });
        manifest = manifest with { Results = ManifestResults.Of(report, FolderPath), Finished = report.Pending == 0 ? now : null };
        ManifestFile.Write(FolderPath, manifest);
        DatasetCard.Write(FolderPath, manifest, report);
        return report;
    }

    /// <summary>What <see cref="Parse"/> would report, without writing and without the lock.</summary>
    public static AnswerReport Inspect(string folder, RunSetup setup, RunManifest manifest) =>
        AnswerFiles.Inspect(setup.Rows, Book(folder), Settings(setup, manifest) with { NeedsAllAnswers = IsChanged(setup, manifest) });

    public void Dispose() => _lock.Dispose();

    /// <summary>Whether the task was changed since the run was asked or parsed; such a change must not make answers homeless.</summary>
    static bool IsChanged(RunSetup setup, RunManifest manifest) => manifest.Task.Sha256 != setup.Shots.TaskSha256;

    static AnswerBook Book(string folder)
    {
        string path = Path.Combine(folder, JournalReader.FileName);
        return new(File.Exists(path) ? JournalReader.Read(path) : []);
    }

    static AnswerSettings Settings(RunSetup setup, RunManifest manifest) => Settings(setup, manifest, manifest.OnAmbiguous is { } rule
        ? setup.Task with { Parse = setup.Task.Parse with { RejectAmbiguous = rule == RejectRule } }
        : setup.Task);

    static AnswerSettings Settings(RunSetup setup, RunManifest manifest, TaskDefinition task) => new()
    {
        Task = task,
        Parser = ReplyParsers.For(task, manifest.Parser),
        Samples = manifest.Samples,
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
        Cost = manifest.Prices is { } prices ? (read, written) => new Prices(prices.Input, prices.Output).Of(read, written) : null,
        KeyOf = (row, sample) => new TeacherRequest(row.Id, sample, manifest.Model, setup.Renderer.Render(row), manifest.Params).Key,
    };

    /// <summary>Where the parsing rules alone were changed, which <c>parse</c> adopts, that is said.</summary>
    static string Hint(IReadOnlyList<string> differences) => differences is [var only] && only.StartsWith("task definition", StringComparison.Ordinal)
        ? ", or take over changed parsing rules with 'distill-teacher parse'"
        : "";

    static ManifestTask Describe(RunSetup setup) => new(setup.Task.Name,
        setup.Task.Path.StartsWith("built-in:", StringComparison.Ordinal) ? setup.Task.Path : Path.GetFileName(setup.Task.Path),
        setup.Shots.TaskSha256, setup.Task.Sha256, setup.Shots.Sha256, setup.Shots.Shots.Count, setup.Task.License, setup.Task.Source);

    RunManifest Describe(RunSetup setup, RunTerms terms, DateTimeOffset now)
    {
        return new()
        {
            Run = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(FolderPath))),
            Tool = ToolVersion.Name,
            Commit = BuildInfo.Commit,
            Host = BuildInfo.Host,
            Started = now,
            Task = Describe(setup),
            Inputs = [ManifestInput.Of(setup.Input, setup.Rows.Count)],
            Prompt = new(RunSetup.FormName(setup.Renderer.IsChat), setup.Renderer.Sha256, setup.Renderer.Text),
            Model = setup.Plan.Model,
            Provider = terms.Provider,
            Endpoint = terms.Endpoint,
            Params = setup.Plan.Parameters,
            ParamsSha = HashOf(setup.Plan.Parameters),
            Samples = setup.Plan.Samples,
            Limits = terms.Limits,
            Budget = terms.Budget,
            Prices = terms.Prices is { } prices
                ? new(prices.Input, prices.Output, "--price-in, --price-out", now.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture))
                : null,
        };
    }

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
