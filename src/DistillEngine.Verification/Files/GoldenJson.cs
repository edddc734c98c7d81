using System.Text.Json;

namespace DistillEngine.Verification;

/// <summary>A value in a golden's JSON file; what is missing or of another kind is an error that names file and place.</summary>
readonly struct GoldenJson
{
    readonly string _path, _place;
    readonly JsonElement _element;

    GoldenJson(string path, string place, JsonElement element) => (_path, _place, _element) = (path, place, element);

    /// <exception cref="InvalidDataException">The file is not valid JSON.</exception>
    /// <exception cref="IOException">The file is absent or cannot be read.</exception>
    public static GoldenJson Load(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return new(path, "", document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON: {e.Message} Copy the golden again.", e);
        }
    }

    /// <summary>The member of this name.</summary>
    /// <exception cref="InvalidDataException">This is no object, or has no such member.</exception>
    public GoldenJson this[string key] => Find(key) ?? throw Error($"has no '{key}'", "a recorded value of this name");

    public bool IsNull => _element.ValueKind == JsonValueKind.Null;

    public double Number => _element.ValueKind == JsonValueKind.Number ? _element.GetDouble() : throw Error("", "a number");

    public int Integer => _element.ValueKind == JsonValueKind.Number && _element.TryGetInt32(out int value)
        ? value
        : throw Error("", "a whole number");

    public ulong Unsigned => _element.ValueKind == JsonValueKind.Number && _element.TryGetUInt64(out ulong value)
        ? value
        : throw Error("", "a whole number from 0");

    public bool Boolean => _element.ValueKind is JsonValueKind.True or JsonValueKind.False
        ? _element.GetBoolean()
        : throw Error("", "true or false");

    public string Text => _element.ValueKind == JsonValueKind.String ? _element.GetString()! : throw Error("", "a string");

    /// <summary>The elements of an array.</summary>
    public IReadOnlyList<GoldenJson> Items
    {
        get
        {
            if (_element.ValueKind != JsonValueKind.Array) throw Error("", "an array");
            var items = new List<GoldenJson>(_element.GetArrayLength());
            foreach (JsonElement item in _element.EnumerateArray()) items.Add(new(_path, $"{_place}[{items.Count}]", item));
            return items;
        }
    }

    /// <summary>The members of an object.</summary>
    public IEnumerable<(string Name, GoldenJson Value)> Members
    {
        get
        {
            if (_element.ValueKind != JsonValueKind.Object) throw Error("", "an object");
            foreach (JsonProperty member in _element.EnumerateObject())
                yield return (member.Name, new(_path, Join(member.Name), member.Value));
        }
    }

    public int[] Integers => [.. Items.Select(item => item.Integer)];

    public string[] Texts => [.. Items.Select(item => item.Text)];

    /// <summary>The member of this name, or null where there is none or it is null.</summary>
    /// <exception cref="InvalidDataException">This is no object.</exception>
    public GoldenJson? FindValue(string key) => Find(key) is { IsNull: false } value ? value : null;

    /// <summary>An error about this value.</summary>
    public InvalidDataException Error(string problem, string expected)
    {
        string place = _place.Length == 0 ? "the document" : _place;
        return new($"{_path}: {place} {(problem.Length == 0 ? $"is {Describe()}" : problem)}, expected {expected}. Copy the golden again.");
    }

    GoldenJson? Find(string key)
    {
        if (_element.ValueKind != JsonValueKind.Object) throw Error("", "an object");
        return _element.TryGetProperty(key, out JsonElement value) ? new(_path, Join(key), value) : null;
    }

    string Join(string key) => _place.Length == 0 ? key : $"{_place}.{key}";

    string Describe()
    {
        string text = _element.GetRawText();
        return text.Length <= 40 ? text : text[..40] + "…";
    }
}
