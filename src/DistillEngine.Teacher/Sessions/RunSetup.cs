using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Prompts;
using DistillEngine.Teacher.Reports;
using DistillEngine.Teacher.Runs;

namespace DistillEngine.Teacher.Sessions;

/// <summary>A run's task, rows, prompts and requests, loaded and checked. Nothing of it needs network.</summary>
public sealed class RunSetup
{
    RunSetup(ShotSet shots, string input, IReadOnlyList<TeacherRow> rows, PromptRenderer renderer, RunPlan plan) =>
        (Shots, Input, Rows, Renderer, Plan) = (shots, input, rows, renderer, plan);

    public TaskDefinition Task => Shots.Task;

    public ShotSet Shots { get; }

    /// <summary>Full path of the file of rows.</summary>
    public string Input { get; }

    /// <summary>All rows of the file, whether the plan asks about them or not.</summary>
    public IReadOnlyList<TeacherRow> Rows { get; }

    public PromptRenderer Renderer { get; }

    public RunPlan Plan { get; }

    /// <exception cref="InvalidDataException">The task, its worked examples or the rows are malformed, or a worked example is a test row.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static RunSetup Load(RunQuestion question)
    {
        var shots = ShotSet.Load(TaskReader.Load(question.Task));
        TeacherOptions teacher = shots.Teacher;
        int samples = question.Samples ?? teacher.Samples;
        return Load(shots, question.Input, question.Model, question.IsChat, samples, question.Rows, new TeacherParameters
        {
            MaxTokens = question.MaxTokens ?? teacher.MaxTokens,
            Temperature = question.Temperature ?? (samples > 1 ? teacher.SampleTemperature : teacher.Temperature),
            TopP = question.TopP,
            TopK = question.TopK,
            Seed = question.Seed ?? teacher.Seed,
            Stop = teacher.Stop,
        });
    }

    /// <summary>The setup of a run that was started before.</summary>
    /// <param name="input">Where the rows lie now; null: where they lay then.</param>
    /// <exception cref="InvalidDataException">As for <see cref="Load(RunQuestion)"/>, or the rows are not those of the run.</exception>
    public static RunSetup Load(RunManifest manifest, RunPaths paths, string? input)
    {
        var shots = ShotSet.Load(TaskReader.Load(paths.Task));
        string path = input ?? paths.Input;
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path}: the run's rows are no longer there (expected the same file; name its new place with --input).", path);
        if (ManifestInput.HashOf(path) != manifest.Inputs[0].Sha256)
            throw new InvalidDataException($"{path}: differs from the file that the run asked about (expected the same content; "
                + "name it with --input, or start a run in another folder).");
        return Load(shots, path, manifest.Model, manifest.Prompt.Form == FormName(isChat: true), manifest.Samples, null, manifest.Params);
    }

    /// <summary>What a prompt's form is called in options and manifests.</summary>
    public static string FormName(bool isChat) => isChat ? "chat" : "completions";

    static RunSetup Load(ShotSet shots, string input, string model, bool? isChat, int samples, int? limit, TeacherParameters parameters)
    {
        List<TeacherRow> rows = TeacherRows.Read(input, shots.Task);
        shots.RefuseContamination(rows);
        string full = Path.GetFullPath(input);
        shots.RefuseContamination(Path.GetDirectoryName(full)!, Path.GetDirectoryName(Path.GetFullPath(shots.Task.Path))!);
        var renderer = new PromptRenderer(shots, isChat);
        var plan = new RunPlan(limit < rows.Count ? rows[..limit.Value] : rows, renderer, model, parameters, samples);
        return new(shots, full, rows, renderer, plan);
    }
}
