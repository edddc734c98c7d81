using System.Text.Json;
using System.Text.Json.Serialization;
using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Training;

/// <summary><c>distill.json</c> in a trained model's folder: which task it answers and how it was trained, so that eval and predict need
/// no options.</summary>
public sealed record StudentFile
{
    public const string FileName = "distill.json";
    public const string SchemaName = "distill.model/1";

    /// <summary>Copy of a task file that is not built in.</summary>
    public const string TaskFileName = "task.json";

    public string Schema { get; init; } = SchemaName;

    /// <summary>Name of a built-in task, or <see cref="TaskFileName"/> in the same folder.</summary>
    public required string Task { get; init; }

    public required TrainingMethod Method { get; init; }

    /// <summary>Steps the weights were trained for.</summary>
    public long Step { get; init; }

    /// <summary>Validation accuracy of these weights, 0 … 1, where it was measured.</summary>
    public double? ValidationAccuracy { get; init; }

    /// <summary>SHA-256 of the rationale file.</summary>
    public string? DataSha256 { get; init; }

    /// <summary>SHA-256 of the teacher run's <c>manifest.json</c>, which says how the rationales came to be; null where none lay beside the
    /// rationale file.</summary>
    public string? TeacherManifestSha256 { get; init; }

    /// <summary>What the run was started with.</summary>
    public SortedDictionary<string, string> Settings { get; init; } = [];

    /// <summary>The file of a model folder, or null where there is none.</summary>
    /// <exception cref="InvalidDataException">The file is not one of this schema.</exception>
    public static StudentFile? TryRead(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            StudentFile? file = JsonSerializer.Deserialize(File.ReadAllBytes(path), StudentFileJson.Default.StudentFile);
            return file?.Schema == SchemaName
                ? file
                : throw new InvalidDataException($"{path}: schema is '{file?.Schema}', expected '{SchemaName}'. Use the version that wrote it.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: {e.Message} Correct the file, or delete it and give --task.", e);
        }
    }

    /// <summary>Writes the file, and the task's beside it where it is not built in.</summary>
    /// <param name="taskFile">Contents of the task's file; null for a built-in task.</param>
    public void Write(string folder, byte[]? taskFile)
    {
        if (taskFile is not null) AtomicFile.WriteAllBytes(Path.Combine(folder, TaskFileName), taskFile);
        StudentFile file = taskFile is null ? this : this with { Task = TaskFileName };
        AtomicFile.WriteAllText(Path.Combine(folder, FileName), JsonSerializer.Serialize(file, StudentFileJson.Default.StudentFile));
    }

    /// <summary>The task of a model in this folder.</summary>
    public TaskDefinition LoadTask(string folder) => TaskReader.Load(Task == TaskFileName ? Path.Combine(folder, TaskFileName) : Task);
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(StudentFile))]
sealed partial class StudentFileJson : JsonSerializerContext;
