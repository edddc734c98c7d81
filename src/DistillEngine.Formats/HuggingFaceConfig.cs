using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>
/// A <c>config.json</c> or <c>generation_config.json</c>. It keeps keys it does not know, their order and the text of their numbers, so a
/// file that is loaded and saved unchanged has the same contents. A key whose value is null counts as absent, as it does upstream.
/// </summary>
public sealed class HuggingFaceConfig
{
    public const string ModelFileName = "config.json";
    public const string GenerationFileName = "generation_config.json";

    // Published configurations have a few kilobytes.
    const long MaxBytes = 16 << 20;

    readonly JsonObject _document;

    HuggingFaceConfig(string path, JsonObject document) => (Path, _document) = (path, document);

    /// <summary>An empty configuration.</summary>
    /// <param name="path">Shown in errors.</param>
    public HuggingFaceConfig(string path) : this(path, []) { }

    /// <summary>The file it was read from; every error starts with it.</summary>
    public string Path { get; }

    /// <summary>Keys in file order.</summary>
    public IReadOnlyList<string> Keys => [.. _document.Select(pair => pair.Key)];

    /// <exception cref="InvalidDataException">The file is not one JSON object with unique keys.</exception>
    /// <exception cref="IOException">The file is absent or cannot be read.</exception>
    public static HuggingFaceConfig Load(string path) => new(path, StrictJson.ReadObject(path, MaxBytes));

    /// <param name="path">Shown in errors.</param>
    /// <exception cref="InvalidDataException">The text is not one JSON object with unique keys.</exception>
    public static HuggingFaceConfig Parse(ReadOnlySpan<byte> utf8, string path) => new(path, StrictJson.ParseObject(utf8, path));

    /// <summary>Whether the key is there with a value other than null.</summary>
    public bool Contains(string key) => _document[key] is not null;

    /// <exception cref="InvalidDataException">The key is missing, not an integer, or out of range.</exception>
    public int GetInt32(string key, int min = int.MinValue, int max = int.MaxValue)
    {
        var node = Required(key, "an integer");
        if (node is not JsonValue value || node.GetValueKind() != JsonValueKind.Number || !value.TryGetValue(out int number))
        {
            ThrowType(key, node, "an integer of 32 bits");
            return 0;
        }
        if (number < min || number > max) ThrowRange(key, node, $"from {min} to {max}");
        return number;
    }

    /// <summary>The value, or <paramref name="absent"/> when the key is missing or null.</summary>
    /// <inheritdoc cref="GetInt32(string, int, int)"/>
    public int GetInt32OrDefault(string key, int absent, int min = int.MinValue, int max = int.MaxValue) =>
        Contains(key) ? GetInt32(key, min, max) : absent;

    /// <exception cref="InvalidDataException">The key is missing, not a number, or out of range.</exception>
    public double GetDouble(string key, double min = double.MinValue, double max = double.MaxValue)
    {
        var node = Required(key, "a number");
        if (node is not JsonValue || node.GetValueKind() != JsonValueKind.Number)
        {
            ThrowType(key, node, "a number");
            return 0;
        }
        // Whether set as an integer or read from a file, the value's text is the number.
        double number = double.Parse(node.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture);
        if (!(number >= min && number <= max)) ThrowRange(key, node, $"from {min} to {max}");
        return number;
    }

    /// <summary>The value, or <paramref name="absent"/> when the key is missing or null.</summary>
    /// <inheritdoc cref="GetDouble(string, double, double)"/>
    public double GetDoubleOrDefault(string key, double absent, double min = double.MinValue, double max = double.MaxValue) =>
        Contains(key) ? GetDouble(key, min, max) : absent;

    /// <exception cref="InvalidDataException">The key is missing or neither true nor false.</exception>
    public bool GetBoolean(string key)
    {
        var node = Required(key, "true or false");
        var kind = node.GetValueKind();
        if (kind is not (JsonValueKind.True or JsonValueKind.False)) ThrowType(key, node, "true or false");
        return kind == JsonValueKind.True;
    }

    /// <summary>The value, or <paramref name="absent"/> when the key is missing or null.</summary>
    /// <inheritdoc cref="GetBoolean"/>
    public bool GetBooleanOrDefault(string key, bool absent) => Contains(key) ? GetBoolean(key) : absent;

    /// <exception cref="InvalidDataException">The key is missing or not a string.</exception>
    public string GetString(string key)
    {
        var node = Required(key, "a string");
        if (!StrictJson.TryGetString(node, out string value)) ThrowType(key, node, "a string");
        return value;
    }

    /// <summary>The value, or <paramref name="absent"/> when the key is missing or null.</summary>
    /// <inheritdoc cref="GetString"/>
    public string GetStringOrDefault(string key, string absent) => Contains(key) ? GetString(key) : absent;

    /// <summary>Sets a value; a key that is there keeps its place.</summary>
    public void Set(string key, int value) => _document[key] = value;

    /// <inheritdoc cref="Set(string, int)"/>
    /// <exception cref="ArgumentOutOfRangeException">JSON has no NaN and no infinity.</exception>
    public void Set(string key, double value)
    {
        if (!double.IsFinite(value))
            throw new ArgumentOutOfRangeException(nameof(value), value, $"'{key}' must be finite: JSON has no NaN and no infinity.");
        _document[key] = value;
    }

    /// <inheritdoc cref="Set(string, int)"/>
    public void Set(string key, bool value) => _document[key] = value;

    /// <inheritdoc cref="Set(string, int)"/>
    public void Set(string key, string value) => _document[key] = value;

    /// <inheritdoc cref="Set(string, int)"/>
    public void Set(string key, IReadOnlyList<string> values)
    {
        var array = new JsonArray();
        foreach (string value in values) array.Add((JsonNode)value);
        _document[key] = array;
    }

    /// <summary>Removes a key; false when it was not there.</summary>
    public bool Remove(string key) => _document.Remove(key);

    /// <summary>The document, indented by two spaces and closed by a line feed, as Hugging Face writes it.</summary>
    public byte[] ToUtf8()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, StrictJson.Indented)) _document.WriteTo(json);
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Writes the file atomically; see <see cref="AtomicFile"/>.</summary>
    public void Save(string path) => AtomicFile.WriteAllBytes(path, ToUtf8());

    JsonNode Required(string key, string expected)
    {
        var node = _document[key];
        if (node is null) Malformed.Throw(Path, $"key '{key}' is missing, expected {expected}", "Add it; a T5 configuration needs it.");
        return node;
    }

    void ThrowType(string key, JsonNode node, string expected) =>
        Malformed.Throw(Path, $"key '{key}' is {Malformed.Shorten(node.ToJsonString())}, expected {expected}", "Correct the value.");

    void ThrowRange(string key, JsonNode node, string expected) =>
        Malformed.Throw(Path, $"key '{key}' is {Malformed.Shorten(node.ToJsonString())}, expected a value {expected}",
            "Correct the value.");
}
