using System.Text;
using System.Text.Json.Nodes;

namespace DistillEngine.Tests.Cli;

/// <summary>A copy of a trained task's files, to be damaged: <c>data.jsonl</c>, <c>larger.json</c>, <c>tokenizer/</c>, and <c>model/</c>, which is the folder
/// of a finished run.</summary>
sealed class Workspace : IDisposable
{
    static readonly string[] Parts = ["data.jsonl", "larger.json", "tokenizer", "model"];

    public Workspace(string source)
    {
        Root = Directory.CreateTempSubdirectory("distill-bad-").FullName;
        foreach (string part in Parts) Copy(Path.Combine(source, part), Path.Combine(Root, part));
    }

    public string Root { get; }

    public string this[string name] => Path.Combine(Root, name);

    /// <summary>Names and lengths of all files.</summary>
    public string[] Files =>
        [.. Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories).Select(f => $"{f} {new FileInfo(f).Length}").Order(StringComparer.Ordinal)];

    public void Write(string file, string text) => File.WriteAllText(this[file], text);

    public void Write(string file, byte[] bytes) => File.WriteAllBytes(this[file], bytes);

    public byte[] Bytes(string file) => File.ReadAllBytes(this[file]);

    public void Delete(string file)
    {
        if (Directory.Exists(this[file])) Directory.Delete(this[file], recursive: true);
        else File.Delete(this[file]);
    }

    /// <summary>Keeps the first bytes of a file; a negative count leaves so many out at its end.</summary>
    public void Cut(string file, int count)
    {
        byte[] bytes = Bytes(file);
        Write(file, bytes[..(count < 0 ? bytes.Length + count : count)]);
    }

    /// <summary>Replaces the first occurrence of a text by one of the same length.</summary>
    public void Patch(string file, string text, string replacement)
    {
        byte[] bytes = Bytes(file);
        int at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text));
        if (at < 0 || text.Length != replacement.Length) throw new ArgumentException($"{file} cannot be patched with '{replacement}'.");
        Encoding.UTF8.GetBytes(replacement).CopyTo(bytes, at);
        Write(file, bytes);
    }

    /// <summary>Sets a key of a JSON file; null removes it.</summary>
    public void Set(string file, string key, string? value) => Edit(file, root =>
    {
        if (value is null) root.Remove(key);
        else root[key] = JsonNode.Parse(value);
    });

    public void Edit(string file, Action<JsonObject> edit)
    {
        var root = JsonNode.Parse(Bytes(file))!.AsObject();
        edit(root);
        Write(file, root.ToJsonString());
    }

    /// <summary>Edits one row of the rationale file, from 0.</summary>
    public void EditRow(int row, Action<JsonObject> edit)
    {
        string[] lines = File.ReadAllLines(this["data.jsonl"]);
        var root = JsonNode.Parse(lines[row])!.AsObject();
        edit(root);
        lines[row] = root.ToJsonString();
        File.WriteAllLines(this["data.jsonl"], lines);
    }

    /// <summary>Replaces one line of the rationale file, from 0.</summary>
    public void SetRow(int row, string line)
    {
        string[] lines = File.ReadAllLines(this["data.jsonl"]);
        lines[row] = line;
        File.WriteAllLines(this["data.jsonl"], lines);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    static void Copy(string from, string to)
    {
        if (File.Exists(from))
        {
            File.Copy(from, to);
            return;
        }
        Directory.CreateDirectory(to);
        foreach (string entry in Directory.EnumerateFileSystemEntries(from)) Copy(entry, Path.Combine(to, Path.GetFileName(entry)));
    }
}
