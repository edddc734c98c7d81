using System.IO.Compression;
using System.Text.Json.Nodes;
using static DistillEngine.Tests.Cli.BadInput;

namespace DistillEngine.Tests.Cli;

/// <summary>Rationale files, tasks and inputs that cannot be used.</summary>
static class BadData
{
    const string Data = "data.jsonl";
    const string Task = "larger.json";

    public static IEnumerable<BadInput> All => [.. Rationales, .. Tasks, .. Inputs];

    // Every damaged row is met by the checker and by training alike.
    static IEnumerable<BadInput> Rationales =>
        Rows.SelectMany(row => (BadInput[])[row, row with { Arguments = Train, Description = row.Description + ", trained on" }]).Concat(
        [
            new("no such file", Validate, Data, "no such file (expected a rationale file)", w => w.Delete(Data)),
            new("rows where a model belongs", InspectFile(Data), Data, "'distill data validate' checks rationale files", _ => { }),
            new("a folder for a file", Train, Data, "", w => { w.Delete(Data); Directory.CreateDirectory(w[Data]); }),
            new("file without rows", Stats, Data, "no rows", w => w.Write(Data, "")),
            new("no label to measure with", Evaluate, Data, "gold label", w => AllRows(w, r => r.Remove("label"))),
            new("no label to train", [.. Train, "--label-source", "teacher"], Data, "--label-source", w => AllRows(w, r => r.Remove("teacher_label"))),
            new("too few rows to validate on", [.. Train, "--eval-every", "1"], Data, "--validation", w =>
                w.Write(Data, string.Concat(File.ReadLines(w[Data]).Take(1).Select(l => l + "\n")))),
            new("file for eval", Evaluate, Data + ":3", "", w => w.SetRow(2, "{")),
            new("gzip by name only", ["data", "validate", "@data.jsonl.gz"], Data + ".gz", "gzip", w => w.Write(Data + ".gz", w.Bytes(Data))),
            new("gzip cut short", ["data", "validate", "@data.jsonl.gz"], Data + ".gz", "", w => w.Write(Data + ".gz", Gzip(w.Bytes(Data))[..200])),
            new("line without end", Validate, Data, "", w => w.Write(Data, BombOf(80))),
        ]);

    static IEnumerable<BadInput> Rows =>
    [
        new("file without content", Validate, Data, "no rows", w => w.Write(Data, "")),
        RowOf("line that is no JSON", "", w => w.SetRow(2, "{\"id\": ")),
        RowOf("line that is a list", "", w => w.SetRow(2, "[]")),
        RowOf("line nested without end", "", w => w.SetRow(2, "{\"a\":" + new string('[', 50_000))),
        RowOf("row without an id", "id", w => w.EditRow(2, r => r.Remove("id"))),
        RowOf("row with another's id", "id", w => w.EditRow(2, r => r["id"] = "larger/train/0-1")),
        RowOf("row without an input", "input", w => w.EditRow(2, r => r.Remove("input"))),
        RowOf("input that was changed", "input_sha256", w => w.EditRow(2, r => r["input"] = "something else")),
        RowOf("row of the next schema", "schema", w => w.EditRow(2, r => r["schema"] = "distill.rationale/2")),
        RowOf("unknown status", "status", w => w.EditRow(2, r => r["status"] = "fine")),
        RowOf("negative weight", "weight", w => w.EditRow(2, r => r["weight"] = -1)),
        RowOf("weight of zero", "weight", w => w.EditRow(2, r => r["weight"] = 0)),
        RowOf("weight that is a text", "weight", w => w.EditRow(2, r => r["weight"] = "2")),
        RowOf("weight beyond all numbers", "weight", w => w.EditRow(2, r => r["weight"] = JsonNode.Parse("1e999"))),
        RowOf("weight beyond float32", "weight", w => w.EditRow(2, r => r["weight"] = JsonNode.Parse("1e300"))),
        RowOf("weight below float32", "weight", w => w.EditRow(2, r => r["weight"] = JsonNode.Parse("1e-300"))),
        RowOf("label that is blank", "label: is blank", w => w.EditRow(2, r => r["label"] = " ")),
        RowOf("teacher's label that is blank and alone", "teacher_label: is blank", w => w.EditRow(2, r => (r["label"], r["teacher_label"]) = (null, ""))),
        RowOf("label that is a number", "label", w => w.EditRow(2, r => r["label"] = 3)),
        RowOf("rationale that is a list", "rationale", w => w.EditRow(2, r => r["rationale"] = new JsonArray())),
        RowOf("row without its origin", "prov", w => w.EditRow(2, r => r.Remove("prov"))),
        RowOf("broken UTF-8", "", w => w.Patch(Data, "a spoon or a chair", "a spoon or a ch\0\0r")),
    ];

    static IEnumerable<BadInput> Tasks =>
    [
        new("no such task", Train, Task, "no such task file", w => w.Delete(Task)),
        new("misspelt built-in task", [.. Train[..4], "svmp", .. Train[5..]], "", "did you mean 'svamp'?", _ => { }),
        new("empty task", Train, Task, "", w => w.Write(Task, "")),
        new("task that is a list", Train, Task, "", w => w.Write(Task, "[]")),
        new("task cut short", Stats, Task, "", w => w.Cut(Task, 90)),
        TaskOf("unknown key", "metrik", root => root["metrik"] = "exact"),
        TaskOf("another schema", "distill.task/1", root => root["schema"] = "distill.task/2"),
        TaskOf("no name", "name", root => root.Remove("name")),
        TaskOf("unknown kind", "kind", root => root["kind"] = "essay"),
        TaskOf("unknown metric", "metric", root => root["metric"] = "exat"),
        TaskOf("template of an unknown field", "qestion", root => root["student"]!["input"] = "{{qestion}}"),
        TaskOf("template without an end", "student.input", root => root["student"]!["input"] = "{{question"),
        TaskOf("cap of zero", "max_label_tokens", root => root["student"]!["max_label_tokens"] = 0),
        TaskOf("cap beyond all memory", "max_input_tokens", root => root["student"]!["max_input_tokens"] = 2_000_000_000),
        TaskOf("cap that is a text", "max_input_tokens", root => root["student"]!["max_input_tokens"] = "64"),
        TaskOf("unknown normalization", "normalize", root => root["labels"]!["normalize"] = new JsonArray("trimm")),
    ];

    static IEnumerable<BadInput> Inputs =>
    [
        new("a folder for inputs", PredictFile("inputs"), "inputs", "is a folder", w => Directory.CreateDirectory(w["inputs"])),
        new("a place that is not there", ["data", "sample", "@data.jsonl", "--rows", "1", "--output", "@none/out.jsonl"], "none/out.jsonl",
            "does not exist", _ => { }),
        new("no inputs", PredictFile("in.txt"), "in.txt", "no inputs", w => w.Write("in.txt", "")),
        new("inputs with an empty line", PredictFile("in.txt"), "in.txt:2", "the line is empty", w => w.Write("in.txt", "a\n\nb\n")),
        new("inputs as one JSON text", PredictFile("in.json"), "in.json", "expected a text a line, or .jsonl", w => w.Write("in.json", "[]")),
        new("input that stands twice", PredictFile("in.jsonl"), "in.jsonl:1", "the key 'input' stands twice", w => w.Write("in.jsonl", "{\"input\":\"a\",\"input\":\"b\"}")),
        new("no such inputs", PredictFile("in.txt"), "in.txt", "no such file (expected a file of inputs", _ => { }),
        new("inputs in another encoding", PredictFile("in.txt"), "in.txt:2", "not UTF-8", w => w.Write("in.txt", [.. "a\nb"u8, 0xE9, .. "\n"u8])),
        new("JSON inputs in another encoding", PredictFile("in.jsonl"), "in.jsonl:1", "not UTF-8", w =>
            w.Write("in.jsonl", [.. "{\"input\":\""u8, 0xE9, .. "\"}"u8])),
        new("input that is no JSON", PredictFile("in.jsonl"), "in.jsonl:2", "not valid JSON at byte 1", w => w.Write("in.jsonl", "{\"input\":\"a\"}\n{")),
        new("input that is a list", PredictFile("in.jsonl"), "in.jsonl:1", "the line is an array", w => w.Write("in.jsonl", "[1]")),
        new("input that is null", PredictFile("in.jsonl"), "in.jsonl:1", "the line is null", w => w.Write("in.jsonl", "null")),
        new("input without a text", PredictFile("in.jsonl"), "in.jsonl:1", "neither 'input' nor 'fields'", w => w.Write("in.jsonl", "{\"id\":\"1\"}")),
        new("input that is a number", PredictFile("in.jsonl"), "in.jsonl:1", "input: is a number", w => w.Write("in.jsonl", "{\"input\":3}")),
        new("input whose id is a list", PredictFile("in.jsonl"), "in.jsonl:1", "id: is an array", w => w.Write("in.jsonl", "{\"id\":[],\"input\":\"a\"}")),
        new("input with half a character", PredictFile("in.jsonl"), "in.jsonl:1", "half of a surrogate pair", w =>
            w.Write("in.jsonl", "{\"input\":\"\\ud800\"}")),
        new("fields that are a text", PredictFile("in.jsonl"), "in.jsonl:1", "fields: is a text", w => w.Write("in.jsonl", "{\"fields\":\"x\"}")),
        new("fields without the task's", PredictFile("in.jsonl"), "in.jsonl:1", "question", w => w.Write("in.jsonl", "{\"fields\":{\"x\":\"y\"}}")),
    ];

    static BadInput RowOf(string description, string reason, Action<Workspace> damage) => new(description, Validate, Data + ":", reason, damage);

    static BadInput TaskOf(string description, string reason, Action<JsonObject> edit) => new(description, Train, Task, reason, w => w.Edit(Task, edit));

    static void AllRows(Workspace workspace, Action<JsonObject> edit)
    {
        for (int row = 0; row < File.ReadLines(workspace[Data]).Count(); row++) workspace.EditRow(row, edit);
    }

    static byte[] Gzip(byte[] bytes)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Optimal)) gzip.Write(bytes);
        return target.ToArray();
    }

    /// <summary>A few kilobytes that unpack to one line of so many MiB.</summary>
    static byte[] BombOf(int mebibytes)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Fastest))
        {
            byte[] block = new byte[1 << 20];
            block.AsSpan().Fill((byte)'x');
            for (int i = 0; i < mebibytes; i++) gzip.Write(block);
        }
        return target.ToArray();
    }
}
