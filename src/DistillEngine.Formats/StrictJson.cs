using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>Reads the small JSON files of model folders; everything wrong with them becomes an <see cref="InvalidDataException"/> that names the
/// file.</summary>
static class StrictJson
{
    /// <summary>How Hugging Face writes its files: two spaces, line feeds, letters of all alphabets as they are.</summary>
    public static readonly JsonWriterOptions Indented = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <exception cref="InvalidDataException">The file exceeds the limit or is not one JSON object with unique keys.</exception>
    /// <exception cref="IOException">The file is absent or cannot be read.</exception>
    public static JsonObject ReadObject(string path, long maxBytes)
    {
        byte[] bytes;
        using (var handle = File.OpenHandle(path))
        {
            long length = RandomAccess.GetLength(handle);
            if (length > maxBytes)
                Malformed.Throw(path, $"the file has {length} bytes, expected at most {maxBytes}", "Check that this is the file you mean.");
            bytes = new byte[length];
            for (int done = 0; done < bytes.Length;)
            {
                int count = RandomAccess.Read(handle, bytes.AsSpan(done), done);
                if (count == 0) Malformed.Throw(path, "the file became shorter while it was read");
                done += count;
            }
        }
        return ParseObject(bytes, path);
    }

    /// <exception cref="InvalidDataException">The text is not one JSON object with unique keys.</exception>
    public static JsonObject ParseObject(ReadOnlySpan<byte> utf8, string path)
    {
        try
        {
            // Decodes every string: the document decodes lazily, and would otherwise fail far from here.
            if (JsonKeys.FindRepeated(utf8) is { } key) Malformed.Throw(path, $"not valid JSON: the key '{key}' stands twice in one object", "Remove one of them.");
            var node = JsonNode.Parse(utf8);
            if (node is JsonObject document) return document;
            Malformed.Throw(path, "the file is not a JSON object");
            return null;
        }
        // A string that is no Unicode text is reported as an invalid operation.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            Malformed.Throw(path, $"not valid JSON: {e.Message.TrimEnd('.')}", "Correct the file; NaN and Infinity are not JSON.", e);
            return null;
        }
    }

    /// <summary>The text of a string value; false when the value is no string.</summary>
    public static bool TryGetString(JsonNode? node, out string value)
    {
        value = "";
        return node is JsonValue text && text.TryGetValue(out value!);
    }
}
