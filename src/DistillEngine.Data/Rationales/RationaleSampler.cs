using DistillEngine.Core;
using DistillEngine.Data.Batching;

namespace DistillEngine.Data.Rationales;

/// <summary>Draws rows from a rationale file by a seed.</summary>
public static class RationaleSampler
{
    const ulong Stream = 0x5341_4D50_4C45;

    /// <summary>Copies <paramref name="rows"/> lines, byte by byte and in file order, so that unknown fields survive.</summary>
    /// <param name="output">Plain text, whatever the input's compression.</param>
    /// <exception cref="InvalidDataException">The file has a fault, or fewer rows.</exception>
    public static void Sample(string path, int rows, ulong seed, string output)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        if (output.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
            throw new ArgumentException($"{output}: samples are written as plain text (expected a name without .gz).", nameof(output));
        int count = RationaleReader.Read(path).Count();
        if (rows > count)
            throw new InvalidDataException($"{path}: has {count} rows (expected at least the {rows} asked for; lower --rows).");
        int[] order = new int[count];
        for (int i = 0; i < count; i++) order[i] = i;
        CounterRandom.Shuffle(order, seed, Stream);
        bool[] isChosen = new bool[count];
        foreach (int row in order.AsSpan(0, rows)) isChosen[row] = true;
        AtomicFile.Write(output, stream =>
        {
            using var lines = new LineReader(path);
            while (lines.TryRead(out var line))
            {
                if (!isChosen[lines.Line - 1]) continue;
                stream.Write(line.Span.TrimEnd((byte)'\r'));
                stream.WriteByte((byte)'\n');
            }
        });
    }
}
