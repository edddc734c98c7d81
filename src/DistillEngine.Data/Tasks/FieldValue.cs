using System.Text.Json;

namespace DistillEngine.Data.Tasks;

/// <summary>Value of a template variable: a text, or a list of texts.</summary>
/// <param name="Text">The text; of a list, its JSON form, which is how lists are kept in a row's <c>fields</c>.</param>
/// <param name="Items">The items of a list, else null.</param>
public readonly record struct FieldValue(string Text, IReadOnlyList<string>? Items = null)
{
    /// <summary>A stored field as a value: JSON arrays of strings become lists, everything else is a text.</summary>
    public static FieldValue FromStored(string text) =>
        text.StartsWith('[') && text.EndsWith(']') && TryReadItems(text) is { } items ? new(text, items) : new(text);

    /// <summary>The items as a JSON array.</summary>
    public static FieldValue FromItems(IReadOnlyList<string> items)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Rationales.RationaleWriter.JsonOptions))
        {
            writer.WriteStartArray();
            foreach (string item in items) writer.WriteStringValue(item);
            writer.WriteEndArray();
        }
        return new(System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan), items);
    }

    static List<string>? TryReadItems(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var items = new List<string>();
            foreach (var item in document.RootElement.EnumerateArray())
            {
                if (item.ValueKind != JsonValueKind.String) return null;
                items.Add(item.GetString()!);
            }
            return items;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
