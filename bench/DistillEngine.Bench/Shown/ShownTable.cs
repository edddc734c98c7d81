using System.Text.Json;

namespace DistillEngine.Bench.Shown;

/// <summary>What a suite measured.</summary>
/// <param name="title">What the rows are.</param>
/// <param name="wanted">What the figures are to reach.</param>
sealed class ShownTable(string title, string wanted, params ShownColumn[] columns)
{
    readonly List<object[]> _rows = [];
    readonly List<string> _notes = [];

    public IReadOnlyList<object[]> Rows => _rows;

    /// <summary>Lines under the table: what was not measured, and why.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Adds a line under the table.</summary>
    public void Note(string text) => _notes.Add(text);

    /// <summary>Adds a row.</summary>
    /// <param name="values">One a column.</param>
    public void Add(params object[] values)
    {
        if (values.Length != columns.Length) throw new ArgumentException($"{title}: a row of {values.Length} values, expected {columns.Length}.");
        _rows.Add(values);
    }

    public void WriteMarkdown(TextWriter output)
    {
        output.WriteLine($"## {title}");
        output.WriteLine();
        output.WriteLine($"At least: {wanted}.");
        output.WriteLine();
        output.WriteLine($"| {string.Join(" | ", columns.Select(column => column.Head))} |");
        output.WriteLine($"|{string.Concat(columns.Select((_, i) => _rows.Count > 0 && _rows[0][i] is string ? "---|" : "---:|"))}");
        foreach (object[] row in _rows) output.WriteLine($"| {string.Join(" | ", row.Select((value, i) => columns[i].Text(value)))} |");
        output.WriteLine();
        foreach (string note in _notes)
        {
            output.WriteLine($"{note}.");
            output.WriteLine();
        }
    }

    /// <summary>An array of objects.</summary>
    public void WriteJson(Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        foreach (object[] row in _rows)
        {
            writer.WriteStartObject();
            for (int i = 0; i < columns.Length; i++)
                switch (row[i])
                {
                    case double number when double.IsFinite(number): writer.WriteNumber(columns[i].Key, number); break;
                    case double: writer.WriteNull(columns[i].Key); break;
                    case int number: writer.WriteNumber(columns[i].Key, number); break;
                    case long number: writer.WriteNumber(columns[i].Key, number); break;
                    default: writer.WriteString(columns[i].Key, row[i].ToString()); break;
                }
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }
}
