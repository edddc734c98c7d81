using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Bench.Shown;

/// <summary>A step of rows as long as those of the published data, beside the step of as many tokens in rows of one length, and beside the
/// step that padding to the longest row would compute.</summary>
static class ShownRagged
{
    /// <summary>Every eighth of the sorted lengths of the training rows, T5's vocabulary, <c>&lt;/s&gt;</c> included.</summary>
    static readonly Lengths[] Data =
    [
        new("SVAMP", [29, 34, 37, 40, 43, 47, 52, 61], [9, 9, 10, 10, 10, 11, 15, 17], [22, 27, 30, 33, 37, 43, 50, 63]),
        new("CQA", [39, 42, 44, 46, 48, 51, 55, 61], [2, 2, 2, 3, 3, 3, 4, 5], [23, 26, 28, 29, 31, 33, 36, 40]),
    ];

    // Long sources do not come with long targets: 5 has no factor in common with 8, so that every length is met once.
    const int Stride = 5;

    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable($"Ragged rows: predict and explain step of {sizes.Small} with the lengths of the data, in turns", "no slower a token than rows of one length",
            new("data", "data"), new("type", "type"), new("raggedMs", "ragged, ms"), new("tokens", "tokens"), new("evenMs", "one length, as many tokens, ms"),
            new("ratio", "time a token, ragged by one length", "F3"), new("paddedMs", "padded, ms"), new("paddedTokens", "tokens"),
            new("timeShare", "ragged by padded: time", "P0"), new("tokenShare", "tokens", "P0"));
        foreach (Lengths lengths in Data)
            foreach (ComputePrecision type in sizes.Types)
                Measure(table, lengths, type, sizes);
        return table;
    }

    static void Measure(ShownTable table, Lengths lengths, ComputePrecision type, ShownSizes sizes)
    {
        using CpuBackend backend = CpuBackend.Open(sizes.AllThreads, type);
        var options = new StepBenchOptions { Model = sizes.Small };
        T5Config config = BenchModel.Config(sizes.Small);
        Batch rows = Rows(config, lengths, values => values), same = Rows(config, lengths, Even), full = Rows(config, lengths, Padded);
        using StepBench ragged = new(options, backend, rows), even = new(options, backend, same), padded = new(options, backend, full);
        double[][] times = Turns.Of(sizes.LongTurns, () => ragged.Step(), () => even.Step(), () => padded.Step());
        double[] median = [.. times.Select(t => Timing.Of(t).Median)];
        int tokens = rows.SourceTokenCount + rows.TargetTokenCount, paddedTokens = full.SourceTokenCount + full.TargetTokenCount;
        table.Add(lengths.Name, type.ToString(), median[0], tokens, median[1], Timing.Of(times[0].Zip(times[1], (a, b) => a / b)).Median, median[2], paddedTokens,
            median[0] / median[2], (double)tokens / paddedTokens);
    }

    /// <summary>Eight rows of each task.</summary>
    static Batch Rows(T5Config config, Lengths lengths, Func<int[], int[]> shape)
    {
        int[] sources = shape(lengths.Sources), labels = shape(lengths.Labels), rationales = shape(lengths.Rationales);
        int rows = sources.Length;
        var batch = new Batch(new BatchLimits(2 * rows, 2 * sources.Sum(), labels.Sum() + rationales.Sum(), sources.Max(), Math.Max(labels.Max(), rationales.Max())));
        var random = new Random(BenchModel.Seed);
        for (int row = 0; row < rows; row++)
        {
            BenchModel.AddRandom(batch, random, config, sources[row], labels[row * Stride % rows], TaskKind.Label);
            BenchModel.AddRandom(batch, random, config, sources[row], rationales[row * Stride % rows], TaskKind.Rationale);
        }
        return batch;
    }

    static int[] Padded(int[] lengths) => [.. lengths.Select(_ => lengths.Max())];

    /// <summary>The same sum in lengths that differ by one at the most.</summary>
    static int[] Even(int[] lengths) => [.. lengths.Select((_, i) => lengths.Sum() / lengths.Length + (i < lengths.Sum() % lengths.Length ? 1 : 0))];

    sealed record Lengths(string Name, int[] Sources, int[] Labels, int[] Rationales);
}
