using System.Text;

namespace DistillEngine.Data.Tasks;

/// <summary>
/// A text with <c>{{name}}</c> variables and <c>{{#list}}…{{/list}}</c> sections. Within a section <c>{{.}}</c> is the item,
/// <c>{{letter}}</c> its letter (a, b, …) and <c>{{^last}}…{{/last}}</c> what follows all items but the last. Values are inserted as they
/// are: nothing is escaped.
/// </summary>
public sealed class Template
{
    readonly List<Part> _parts;
    readonly HashSet<string> _variables = new(StringComparer.Ordinal);
    readonly HashSet<string> _lists = new(StringComparer.Ordinal);

    Template(string text)
    {
        Text = text;
        int position = 0;
        _parts = ParseParts(ref position, section: null, inItem: false);
    }

    enum PartKind
    {
        Text,
        Variable,
        Section,
        Item,
        Letter,
        UnlessLast,
    }

    public string Text { get; }

    /// <summary>Variables that must be texts.</summary>
    public IReadOnlyCollection<string> Variables => _variables;

    /// <summary>Variables that must be lists.</summary>
    public IReadOnlyCollection<string> Lists => _lists;

    /// <exception cref="FormatException">A tag or section is not closed, not opened, nested or empty.</exception>
    public static Template Parse(string text) => new(text);

    /// <summary>The text with all variables replaced.</summary>
    /// <exception cref="ArgumentException">A variable is missing, or is a list where a text is needed, or the other way round.</exception>
    public string Render(IReadOnlyDictionary<string, FieldValue> values)
    {
        var output = new StringBuilder();
        Append(output, _parts, values, [], item: -1);
        return output.ToString();
    }

    static void Append(StringBuilder output, List<Part> parts, IReadOnlyDictionary<string, FieldValue> values, IReadOnlyList<string> items,
        int item)
    {
        foreach (var part in parts)
        {
            switch (part.Kind)
            {
                case PartKind.Text:
                    output.Append(part.Text);
                    break;
                case PartKind.Variable:
                    var value = Find(values, part.Text);
                    if (value.Items is not null)
                        throw new ArgumentException($"'{part.Text}' is a list (expected a text; write "
                            + $"{{{{#{part.Text}}}}}…{{{{/{part.Text}}}}}).");
                    output.Append(value.Text);
                    break;
                case PartKind.Section:
                    var list = Find(values, part.Text).Items ?? throw new ArgumentException($"'{part.Text}' is a text (expected a list).");
                    for (int i = 0; i < list.Count; i++) Append(output, part.Body, values, list, i);
                    break;
                case PartKind.Item:
                    output.Append(items[item]);
                    break;
                case PartKind.Letter:
                    if (item >= 26)
                        throw new ArgumentException($"a list has {items.Count} items (expected at most 26 where letters are shown).");
                    output.Append((char)('a' + item));
                    break;
                case PartKind.UnlessLast:
                    if (item < items.Count - 1) Append(output, part.Body, values, items, item);
                    break;
            }
        }
    }

    static FieldValue Find(IReadOnlyDictionary<string, FieldValue> values, string name) => values.TryGetValue(name, out var value)
        ? value
        : throw new ArgumentException($"the variable '{name}' has no value ({DataError.Suggest(name, values.Keys)}).");

    List<Part> ParseParts(ref int position, string? section, bool inItem)
    {
        var parts = new List<Part>();
        while (position < Text.Length)
        {
            int open = Text.IndexOf("{{", position, StringComparison.Ordinal);
            if (open < 0) open = Text.Length;
            if (open > position) parts.Add(new(PartKind.Text, Text[position..open], []));
            position = open;
            if (open == Text.Length) break;
            int close = Text.IndexOf("}}", open, StringComparison.Ordinal);
            if (close < 0) throw new FormatException($"'{{{{' at character {open} is not closed (expected '}}}}').");
            string tag = Text[(open + 2)..close].Trim();
            position = close + 2;
            if (tag.StartsWith('/'))
            {
                if (tag[1..] != section)
                    throw new FormatException($"'{{{{{tag}}}}}' closes a section that is not open "
                        + $"(expected {(section is null ? "no closing tag" : $"'{{{{/{section}}}}}'")}).");
                return parts;
            }
            parts.Add(ParseTag(tag, ref position, inItem));
        }
        if (section is not null) throw new FormatException($"the section '{section}' is not closed (expected '{{{{/{section}}}}}').");
        return parts;
    }

    Part ParseTag(string tag, ref int position, bool inItem)
    {
        switch (tag)
        {
            case "." when inItem: return new(PartKind.Item, "", []);
            case "letter" when inItem: return new(PartKind.Letter, "", []);
            case "^last" when inItem: return new(PartKind.UnlessLast, "", ParseParts(ref position, "last", inItem: true));
        }
        bool isSection = tag.StartsWith('#');
        string name = isSection ? tag[1..] : tag;
        if (!IsName(name))
            throw new FormatException($"'{{{{{tag}}}}}' is not a variable (expected letters, digits and '_'; {{{{.}}}} and "
                + $"{{{{^last}}}} only within a list).");
        if (!isSection)
        {
            _variables.Add(name);
            return new(PartKind.Variable, name, []);
        }
        if (inItem) throw new FormatException($"the list '{name}' lies within another list (expected lists side by side).");
        _lists.Add(name);
        return new(PartKind.Section, name, ParseParts(ref position, name, inItem: true));
    }

    static bool IsName(string name)
    {
        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '_') return false;
        }
        return name.Length > 0;
    }

    readonly record struct Part(PartKind Kind, string Text, List<Part> Body);
}
