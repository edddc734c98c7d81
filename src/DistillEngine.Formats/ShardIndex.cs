using System.Text.Json;
using System.Text.Json.Nodes;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>A Hugging Face index: which shard holds which tensor.</summary>
static class ShardIndex
{
    // The largest published indexes have a few hundred kilobytes.
    const long MaxBytes = 64 << 20;

    /// <summary>Reads an index.</summary>
    /// <returns>Tensor name → shard file name, in file order; every shard name is a plain file name.</returns>
    /// <exception cref="InvalidDataException">The index breaks its format.</exception>
    public static List<KeyValuePair<string, string>> Read(string path)
    {
        var document = StrictJson.ReadObject(path, MaxBytes);
        if (!document.TryGetPropertyValue("weight_map", out var node) || node is not JsonObject map)
        {
            Malformed.Throw(path, "there is no object 'weight_map'", "Check that this is a model's index.");
            return [];
        }
        var entries = new List<KeyValuePair<string, string>>(map.Count);
        foreach (var (tensor, value) in map)
        {
            if (!StrictJson.TryGetString(value, out string shard)) Malformed.ThrowTensor(path, tensor, "is not mapped to a file name");
            if (!IsPlainFileName(shard))
                Malformed.ThrowTensor(path, tensor, $"is mapped to '{Malformed.Shorten(shard)}', which is not the name of a file beside the index",
                    "Do not use an index from a source you do not trust.");
            entries.Add(new(tensor, shard));
        }
        if (entries.Count == 0) Malformed.Throw(path, "'weight_map' is empty");
        return entries;
    }

    public static void Write(string path, IEnumerable<KeyValuePair<string, string>> entries, long totalBytes) =>
        AtomicFile.Write(path, stream =>
        {
            using var json = new Utf8JsonWriter(stream, StrictJson.Indented);
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", totalBytes);
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach (var (tensor, shard) in entries.OrderBy(entry => entry.Key, StringComparer.Ordinal)) json.WriteString(tensor, shard);
            json.WriteEndObject();
            json.WriteEndObject();
            json.Flush();
            stream.WriteByte((byte)'\n');
        });

    /// <summary>Whether a name can only mean a file in the index's own folder, on every operating system.</summary>
    static bool IsPlainFileName(string name) =>
        name.Length is > 0 and <= 255 && name is not ("." or "..")
        && name.AsSpan().IndexOfAny("/\\:") < 0 && !name.AsSpan().ContainsAnyInRange('\0', '\x1F');
}
