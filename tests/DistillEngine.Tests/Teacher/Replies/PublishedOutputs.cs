using System.Text;
using System.Text.Json;
using DistillEngine.Data.Import;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Tests.Data;

namespace DistillEngine.Tests.Teacher.Replies;

/// <summary>The published rows and the raw outputs of their teacher, side by side.</summary>
static class PublishedOutputs
{
    public static List<(SourceRow Row, string Output)> Read(TaskDefinition task, string split)
    {
        string folder = Path.Combine(DataFiles.Datasets(), task.Name);
        var outputs = new List<string>();
        for (int k = 0; ; k++)
        {
            string file = Path.Combine(folder, "llm", $"{split}_CoT_{k}.json");
            if (!File.Exists(file)) break;
            using var document = JsonDocument.Parse(File.ReadAllText(file, Encoding.UTF8));
            outputs.AddRange(document.RootElement.EnumerateArray().Select(item => item.GetString()!));
        }
        var rows = new List<(SourceRow, string)>();
        string path = Path.Combine(folder, task.Data.Files[split]);
        using var lines = new LineReader(path);
        while (lines.TryRead(out var line)) rows.Add((SourceRow.Parse(path, lines.Line, line, task), outputs[rows.Count]));
        return rows;
    }
}
