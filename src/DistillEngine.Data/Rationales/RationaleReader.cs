using DistillEngine.Data.Tasks;

namespace DistillEngine.Data.Rationales;

/// <summary>Reads <c>distill.rationale/1</c> files, plain or gzip, row by row.</summary>
public static class RationaleReader
{
    /// <summary>Rows of a file in order; one row at a time is held, besides the ids seen.</summary>
    /// <param name="task">The task the rows must suit, or null: then only the format is checked.</param>
    /// <exception cref="InvalidDataException">At the first fault: <c>path:line: field: problem (expected …)</c>.</exception>
    public static IEnumerable<RationaleRow> Read(string path, TaskDefinition? task = null)
    {
        using var lines = new LineReader(path);
        var parser = new RowParser(task);
        while (lines.TryRead(out var line))
        {
            var row = parser.Parse(line.Span, lines.Line);
            if (row is null)
            {
                var error = parser.Errors[0];
                throw DataError.At(path, error.Line, error.Field, error.Problem);
            }
            yield return row;
        }
    }

    /// <summary>All rows of a file.</summary>
    /// <exception cref="InvalidDataException">The file has a fault, or no row.</exception>
    public static List<RationaleRow> ReadAll(string path, TaskDefinition? task = null)
    {
        List<RationaleRow> rows = [.. Read(path, task)];
        return rows.Count > 0
            ? rows
            : throw new InvalidDataException($"{path}: has no rows (expected at least one; see 'distill data import').");
    }

    /// <summary>Reads the whole file whatever is wrong with it.</summary>
    /// <param name="limit">Most errors that are kept; all are counted.</param>
    public static ValidationReport Validate(string path, TaskDefinition? task = null, int limit = 100)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(limit);
        using var lines = new LineReader(path);
        var parser = new RowParser(task);
        var errors = new List<string>();
        long rows = 0, faults = 0;
        while (lines.TryRead(out var line))
        {
            rows++;
            parser.Parse(line.Span, lines.Line);
            foreach (var error in parser.Errors)
            {
                faults++;
                if (errors.Count < limit) errors.Add(DataError.At(path, error.Line, error.Field, error.Problem).Message);
            }
        }
        if (rows == 0)
        {
            faults++;
            errors.Add($"{path}: has no rows (expected at least one).");
        }
        return new(rows, faults, errors);
    }
}
