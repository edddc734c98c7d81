using System.Text.Json;

namespace DistillEngine.Data.Tasks;

/// <summary>Reads the members of one JSON object by name, checks type and range, and refuses members nobody asked for.</summary>
sealed class StrictObject
{
    readonly string _path;
    readonly string _prefix;
    readonly LocatedJson _node;
    readonly HashSet<string> _known = new(StringComparer.Ordinal);

    public StrictObject(string path, string name, LocatedJson node)
    {
        (_path, _prefix, _node) = (path, name.Length == 0 ? "" : name + ".", node);
        if (node.Kind != JsonTokenType.StartObject)
            DataError.Throw(path, node.Line, name, $"is {node.KindName} (expected an object).");
    }

    /// <summary>Line of a member, or of the object where the member is absent.</summary>
    public int LineOf(string key) => Find(key)?.Line ?? _node.Line;

    public InvalidDataException Error(string key, string problem) => DataError.At(_path, LineOf(key), _prefix + key, problem);

    public string RequiredText(string key)
    {
        string value = Text(key) ?? throw Error(key, "is missing (expected a string; add it).");
        return value.Length > 0 ? value : throw Error(key, "is empty (expected a text).");
    }

    public string? Text(string key)
    {
        var value = Find(key);
        if (value is null || value.Kind == JsonTokenType.Null) return null;
        return value.Kind == JsonTokenType.String ? value.Text : throw WrongKind(key, value, "a string");
    }

    /// <summary>A template, parsed; its variables are checked by the caller, who knows which exist.</summary>
    public Template? Template(string key, string? text)
    {
        if (text is null) return null;
        try
        {
            return Tasks.Template.Parse(text);
        }
        catch (FormatException e)
        {
            throw Error(key, e.Message);
        }
    }

    public int Integer(string key, int fallback, int min, int max) => (int)Number(key, fallback, min, max, whole: true);

    public double Number(string key, double fallback, double min, double max, bool whole = false)
    {
        var value = Find(key);
        if (value is null) return fallback;
        string expected = whole ? "a whole number" : "a number";
        if (value.Kind != JsonTokenType.Number) throw WrongKind(key, value, $"{expected} from {min:0.###} to {max:0.###}");
        double number = value.Number;
        return number >= min && number <= max && (!whole || number == Math.Floor(number))
            ? number
            : throw Error(key, $"is {number} (expected {expected} from {min:0.###} to {max:0.###}).");
    }

    public bool Flag(string key, bool fallback)
    {
        var value = Find(key);
        return value?.Kind switch
        {
            null => fallback,
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            _ => throw WrongKind(key, value, "true or false"),
        };
    }

    /// <summary>One word of a closed list; null where the member is absent.</summary>
    public T? Word<T>(string key, IReadOnlyDictionary<string, T> words) where T : struct
    {
        string? text = Text(key);
        if (text is null) return null;
        return words.TryGetValue(text, out var word)
            ? word
            : throw Error(key, $"is {DataError.Quote(text)} (expected one of {string.Join(", ", words.Keys)}; "
                + $"{DataError.Suggest(text, words.Keys)}).");
    }

    /// <summary>An array of strings; null where the member is absent or null.</summary>
    public IReadOnlyList<string>? Texts(string key)
    {
        var value = Find(key);
        if (value is null || value.Kind == JsonTokenType.Null) return null;
        if (value.Kind != JsonTokenType.StartArray) throw WrongKind(key, value, "an array of strings");
        var texts = new List<string>(value.Items.Count);
        foreach (var item in value.Items)
        {
            if (item.Kind != JsonTokenType.String)
                DataError.Throw(_path, item.Line, _prefix + key, $"holds {item.KindName} (expected an array of strings).");
            texts.Add(item.Text);
        }
        return texts;
    }

    /// <summary>An object whose values are strings; empty where the member is absent.</summary>
    public IReadOnlyDictionary<string, string> Map(string key)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        var value = Find(key);
        if (value is null) return map;
        if (value.Kind != JsonTokenType.StartObject) throw WrongKind(key, value, "an object of strings");
        foreach (var (name, line, member) in value.Members)
        {
            if (member.Kind != JsonTokenType.String)
                DataError.Throw(_path, line, $"{_prefix}{key}.{name}", $"is {member.KindName} (expected a string).");
            map.Add(name, member.Text);
        }
        return map;
    }

    public StrictObject RequiredObject(string key) => Object(key) ?? throw Error(key, "is missing (expected an object; add it).");

    public StrictObject? Object(string key)
    {
        var value = Find(key);
        return value is null || value.Kind == JsonTokenType.Null ? null : new StrictObject(_path, _prefix + key, value);
    }

    /// <summary>Refuses members that no call above asked for.</summary>
    public void RefuseUnknown()
    {
        foreach (var (name, line, _) in _node.Members)
        {
            if (!_known.Contains(name))
                DataError.Throw(_path, line, _prefix + name, $"is not a key of this object ({DataError.Suggest(name, _known)}).");
        }
    }

    InvalidDataException WrongKind(string key, LocatedJson value, string expected) => Error(key, $"is {value.KindName} "
        + $"(expected {expected}).");

    LocatedJson? Find(string key)
    {
        _known.Add(key);
        foreach (var (name, _, value) in _node.Members)
        {
            if (name == key) return value;
        }
        return null;
    }
}
