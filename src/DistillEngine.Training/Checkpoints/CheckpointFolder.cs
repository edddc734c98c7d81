using System.Globalization;
using System.Text.Json;
using DistillEngine.Core;
using DistillEngine.Formats;
using DistillEngine.Model;

namespace DistillEngine.Training;

/// <summary>
/// The checkpoints of a run: <c>checkpoints/step-00000200/</c>, each a whole model folder with the optimizer's state and the run's.
/// A checkpoint appears under its name only when it is complete and on disk, so a kill at any moment leaves the one before.
/// </summary>
public sealed class CheckpointFolder
{
    const string StateFile = "state.json";
    const string OptimizerFile = "optimizer.safetensors";
    const string Prefix = "step-";

    readonly string _path;

    /// <param name="runFolder">The run's output folder.</param>
    public CheckpointFolder(string runFolder) => _path = Path.Combine(runFolder, "checkpoints");

    /// <summary>Steps with a complete checkpoint, oldest first.</summary>
    public IReadOnlyList<long> Steps
    {
        get
        {
            if (!Directory.Exists(_path)) return [];
            var steps = new List<long>();
            foreach (string folder in Directory.EnumerateDirectories(_path, Prefix + "*"))
                if (long.TryParse(Path.GetFileName(folder.AsSpan())[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long step))
                    steps.Add(step);
            steps.Sort();
            return steps;
        }
    }

    public string PathOf(long step) => Path.Combine(_path, Prefix + step.ToString("D8", CultureInfo.InvariantCulture));

    /// <summary>The file that holds the run's state at a step.</summary>
    public string StatePathOf(long step) => Path.Combine(PathOf(step), StateFile);

    /// <summary>Writes a checkpoint, then deletes the oldest ones beyond <paramref name="keep"/>.</summary>
    /// <param name="keep">Checkpoints that stay, at least 1; 0 keeps all.</param>
    public void Save(RunState state, T5Model model, IOptimizer optimizer, HuggingFaceConfig? template, TokenizerFiles? tokenizer, int keep)
    {
        Leftovers.Delete(_path);
        using (var folder = new AtomicFolder(PathOf(state.Step)))
        {
            ModelFolder.Save(folder.WorkingPath, model.Config, model.Parameters, model.Backend, template, tokenizer);
            TensorToSave[] tensors = [.. optimizer.State.Select(t => ModelFolder.ToSave(t.Name, t.Tensor.Shape.D1 == 1, t.Tensor, model.Backend))];
            SafetensorsWriter.Write(Path.Combine(folder.WorkingPath, OptimizerFile), tensors);
            AtomicFile.WriteAllText(Path.Combine(folder.WorkingPath, StateFile), JsonSerializer.Serialize(state, RunStateJson.Default.RunState));
            folder.Commit(replace: true);
        }
        if (keep == 0) return;
        IReadOnlyList<long> steps = Steps;
        for (int i = 0; i < steps.Count - keep; i++) Leftovers.DeleteFolder(PathOf(steps[i]));
    }

    /// <summary>What to do about a checkpoint that cannot be read.</summary>
    public string RemedyAt(long step) => $"Delete the folder {PathOf(step)} to resume from the checkpoint before it.";

    /// <summary>The state of a checkpoint.</summary>
    /// <exception cref="InvalidDataException">The file is absent, or not a run's state.</exception>
    public RunState ReadState(long step)
    {
        string path = StatePathOf(step);
        try
        {
            RunState state = JsonSerializer.Deserialize(File.ReadAllBytes(path), RunStateJson.Default.RunState)
                ?? throw new InvalidDataException($"{path}: holds null, expected the state of a run. {RemedyAt(step)}");
            if (state.Schema != RunState.SchemaName)
                throw new InvalidDataException($"{path}: schema is '{state.Schema}', expected '{RunState.SchemaName}'. Resume with the version that wrote it.");
            return state.Step == step && state.OptimizerStep >= 0 && state.OptimizerStep <= step
                ? state
                : throw new InvalidDataException($"{path}: step is {state.Step} and optimizerStep {state.OptimizerStep}, "
                    + $"expected {step} and 0 to {step}. {RemedyAt(step)}");
        }
        catch (Exception e) when (e is JsonException or FileNotFoundException)
        {
            throw new InvalidDataException($"{path}: {e.Message} {RemedyAt(step)}", e);
        }
    }

    /// <summary>Brings weights and optimizer back to a checkpoint.</summary>
    /// <exception cref="InvalidDataException">A file is absent, malformed, or belongs to another model or optimizer.</exception>
    public void Restore(long step, long optimizerStep, T5Model model, IOptimizer optimizer)
    {
        try
        {
            Read(step, model, optimizer);
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException)
        {
            throw new InvalidDataException($"{e.Message} {RemedyAt(step)}", e);
        }
        optimizer.StepCount = optimizerStep;
    }

    void Read(long step, T5Model model, IOptimizer optimizer)
    {
        using (ModelFolder folder = ModelFolder.Open(PathOf(step)))
        {
            // The run's settings agree by now, so either means that the folder was changed.
            if (folder.Config != model.Config) throw new InvalidDataException($"{folder.File.Path}: the checkpoint's model differs from the one that is trained.");
            folder.LoadInto(model);
        }
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(PathOf(step), OptimizerFile));
        foreach (var (name, tensor) in optimizer.State) ReadInto(file, name, tensor, model.Backend);
    }

    static void ReadInto(SafetensorsFile file, string name, Tensor tensor, IDevice device)
    {
        if (file.Info(name).Count != tensor.Count)
            throw new InvalidDataException($"{file.Path}: tensor '{name}' has {file.Info(name).Count} elements, expected {tensor.Count}.");
        float[] host = new float[(int)Math.Min(1 << 20, tensor.Count)];
        for (long start = 0; start < tensor.Count; start += host.Length)
        {
            Span<float> part = host.AsSpan(0, (int)Math.Min(host.Length, tensor.Count - start));
            file.Read(name, start, part);
            device.Upload<float>(part, tensor with { ElementOffset = tensor.ElementOffset + start, Shape = new(part.Length) });
        }
    }
}
