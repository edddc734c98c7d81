using System.Text.Json;
using System.Text.Unicode;

namespace DistillEngine.Data.Tasks;

/// <summary>A JSON value that knows its line, so that an error found later can still point at the text.</summary>
sealed class LocatedJson
{
    /// <summary>A definition written by hand is a few kilobytes; a larger file is some other file.</summary>
    const long MaxFileBytes = 16L << 20;

    LocatedJson(JsonTokenType kind, int line) => (Kind, Line) = (kind, line);

    /// <summary>StartObject, StartArray, String, Number, True, False or Null.</summary>
    public JsonTokenType Kind { get; }

    /// <summary>Line of the value's first character, from 1.</summary>
    public int Line { get; }

    public string Text { get; private init; } = "";

    public double Number { get; private init; }

    public List<LocatedJson> Items { get; } = [];

    public List<(string Name, int Line, LocatedJson Value)> Members { get; } = [];

    /// <summary>How the kind is called in messages.</summary>
    public string KindName => NameOf(Kind);

    /// <summary>Reads JSON with comments and trailing commas.</summary>
    /// <exception cref="InvalidDataException">The file is not valid JSON, not UTF-8, repeats a key or is too large.</exception>
    public static LocatedJson ReadFile(string path)
    {
        long length = new FileInfo(path).Length;
        if (length > MaxFileBytes)
            throw new InvalidDataException($"{path}: has {length:N0} bytes (expected a task definition of at most {MaxFileBytes:N0}).");
        return ParseFileOfAnySize(path);
    }

    /// <summary>As <see cref="ReadFile"/>, for data rather than definitions.</summary>
    public static LocatedJson ParseFileOfAnySize(string path) => Parse(path, File.ReadAllBytes(path));

    public static LocatedJson Parse(string path, ReadOnlySpan<byte> utf8)
    {
        if (utf8.StartsWith("\uFEFF"u8)) utf8 = utf8[3..];
        if (!Utf8.IsValid(utf8)) DataError.Throw(path, 1, "", "the text is not UTF-8 (expected UTF-8; save the file in that encoding).");
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions
        {
            CommentHandling = JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
        });
        var lines = new LineCounter(utf8);
        try
        {
            reader.Read();
            var root = ReadValue(path, ref reader, ref lines);
            while (reader.Read()) { }
            return root;
        }
        catch (JsonException e)
        {
            throw DataError.At(path, (e.LineNumber ?? 0) + 1, "", $"not valid JSON: {FirstSentence(e.Message)} (expected a JSON "
                + "object; // comments are allowed).");
        }
    }

    /// <summary>The value as JSON with sorted keys and no blanks: equal definitions give equal bytes.</summary>
    public void WriteCanonical(Utf8JsonWriter writer)
    {
        switch (Kind)
        {
            case JsonTokenType.StartObject:
                writer.WriteStartObject();
                foreach (var (name, _, value) in Members.OrderBy(m => m.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(name);
                    value.WriteCanonical(writer);
                }
                writer.WriteEndObject();
                break;
            case JsonTokenType.StartArray:
                writer.WriteStartArray();
                foreach (var item in Items) item.WriteCanonical(writer);
                writer.WriteEndArray();
                break;
            case JsonTokenType.String: writer.WriteStringValue(Text); break;
            case JsonTokenType.Number: writer.WriteNumberValue(Number); break;
            case JsonTokenType.Null: writer.WriteNullValue(); break;
            default: writer.WriteBooleanValue(Kind == JsonTokenType.True); break;
        }
    }

    /// <summary>How a kind of value is called in messages.</summary>
    public static string NameOf(JsonTokenType kind) => kind switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "true or false",
    };

    /// <summary>The part of a parser message before the position, which is given in our own form.</summary>
    public static string FirstSentence(string message)
    {
        int end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).TrimEnd('.', ' ');
    }

    static LocatedJson ReadValue(string path, ref Utf8JsonReader reader, ref LineCounter lines)
    {
        int line = lines.At(reader.TokenStartIndex);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var node = new LocatedJson(JsonTokenType.StartObject, line);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    int nameLine = lines.At(reader.TokenStartIndex);
                    string name = ReadText(path, nameLine, ref reader);
                    if (node.Members.Exists(m => m.Name == name))
                        DataError.Throw(path, nameLine, name, "the key occurs twice (expected each key once; remove one).");
                    reader.Read();
                    node.Members.Add((name, nameLine, ReadValue(path, ref reader, ref lines)));
                }
                return node;
            case JsonTokenType.StartArray:
                var array = new LocatedJson(JsonTokenType.StartArray, line);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) array.Items.Add(ReadValue(path, ref reader, ref lines));
                return array;
            case JsonTokenType.String:
                return new LocatedJson(JsonTokenType.String, line) { Text = ReadText(path, line, ref reader) };
            case JsonTokenType.Number:
                double number = reader.GetDouble();
                if (!double.IsFinite(number))
                    DataError.Throw(path, line, "", "a number is beyond the range of 64-bit floating point (expected a finite number).");
                return new LocatedJson(JsonTokenType.Number, line) { Number = number };
            default:
                return new LocatedJson(reader.TokenType, line);
        }
    }

    static string ReadText(string path, int line, ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw DataError.At(path, line, "", "a string holds half of a surrogate pair (expected whole characters).");
        }
    }

    /// <summary>Line numbers of ascending byte offsets, in one pass over the text.</summary>
    ref struct LineCounter(ReadOnlySpan<byte> text)
    {
        readonly ReadOnlySpan<byte> _text = text;
        long _offset;
        int _line = 1;

        public int At(long offset)
        {
            _line += _text[(int)_offset..(int)offset].Count((byte)'\n');
            _offset = offset;
            return _line;
        }
    }
}
