using System.Text.Json;
using DistillEngine.Core;

namespace DistillEngine.Teacher.Sessions;

/// <summary>
/// Where a run's files lie on this machine (<c>.paths.json</c>), so that later verbs find them. Kept apart from the manifest, which is made to be
/// shared.
/// </summary>
/// <param name="Task">Name of a built-in task, or full path of a task file.</param>
/// <param name="Input">Full path of the rows.</param>
/// <param name="Requests">Requests the run consists of.</param>
public sealed record RunPaths(string Task, string Input, int Requests)
{
    const string FileName = ".paths.json";

    /// <exception cref="FileNotFoundException">The folder is no run's.</exception>
    /// <exception cref="InvalidDataException">The file is malformed.</exception>
    public static RunPaths Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path}: no such file (expected a folder that 'distill-teacher run' or 'export-batch' has written).", path);
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            return new(root.GetProperty("task").GetString()!, root.GetProperty("input").GetString()!, root.GetProperty("requests").GetInt32());
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: is damaged: {e.Message} (start the run again with all its options).", e);
        }
    }

    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(string folder) => AtomicFile.Write(Path.Combine(folder, FileName), stream =>
    {
        using var json = new Utf8JsonWriter(stream, Wire.RequestBody.JsonOptions);
        json.WriteStartObject();
        json.WriteString("task", Task);
        json.WriteString("input", Input);
        json.WriteNumber("requests", Requests);
        json.WriteEndObject();
    });
}
