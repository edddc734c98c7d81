using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher;

/// <summary>Reads the rows a teacher is asked about.</summary>
public static class TeacherRows
{
    /// <summary>Split of rows whose file is none of the task's own.</summary>
    public const string OtherSplit = "train";

    /// <summary>All rows of a file, with their ids. Rows need no gold label.</summary>
    /// <exception cref="InvalidDataException">The file is malformed, or two rows have the same id.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static List<TeacherRow> Read(string path, TaskDefinition task)
    {
        string name = Path.GetFileName(path);
        string split = task.Data.Files.FirstOrDefault(f => Path.GetFileName(f.Value) == name).Key ?? OtherSplit;
        List<SourceRow> sources = SourceFile.Read(path, task, needsLabel: false);
        var rows = new List<TeacherRow>(sources.Count);
        var numbers = new Dictionary<string, int>(sources.Count, StringComparer.Ordinal);
        for (int i = 0; i < sources.Count; i++)
        {
            string id = $"{task.Name}/{split}/{sources[i].Key ?? i.ToString()}";
            if (!numbers.TryAdd(id, i))
                throw new InvalidDataException($"{path}: rows {numbers[id] + 1} and {i + 1} both have the id '{id}' (expected different values in "
                    + $"the column '{task.Data.Id}').");
            rows.Add(new(id, split, sources[i]));
        }
        return rows;
    }
}
