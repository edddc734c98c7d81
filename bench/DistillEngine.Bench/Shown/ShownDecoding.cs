using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench.Shown;

/// <summary>Greedy generation against the limit of the same run, as <c>distill bench decode</c> measures it.</summary>
static class ShownDecoding
{
    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable("Greedy generation", "75 % of the limit in int8 and 85 % in fp32 at batch 1; small in int8: 1,630 tokens/s at batch 8, 2,570 at batch 32",
            new("model", "model"), new("batch", "batch"), new("weights", "weights"), new("ms", "median, ms"), new("tokensPerSecond", "tokens/s", "F0"),
            new("bytesPerToken", "bytes a token", "N0"), new("readGbs", "read, GB/s"), new("limitMs", "limit, ms"), new("shareOfLimit", "share", "P1"));
        foreach (int batch in sizes.DecodeBatches)
            foreach (string model in batch == 1 ? (string[])[sizes.Small, sizes.Base] : [sizes.Small])
                foreach (WeightForm form in batch == 1 ? sizes.DecodeForms : [WeightForm.Int8])
                    Measure(table, new() { Model = model, Batch = batch, Source = sizes.Source, Tokens = sizes.Target, Weights = form }, sizes);
        return table;
    }

    static void Measure(ShownTable table, DecodeBenchOptions options, ShownSizes sizes)
    {
        using CpuBackend backend = CpuBackend.Open(sizes.AllThreads);
        using var bench = new DecodeBench(options, backend);
        DecodeBenchResult result = bench.Run(CancellationToken.None);
        Roof roof = result.Conditions.Limits(sizes.Roof(sizes.AllThreads));
        table.Add(options.Model, options.Batch, options.Weights.ToString(), result.Time.Median, result.TokensPerSecond, result.BytesPerToken, roof.ReadGBs,
            result.LimitMs(roof), result.ShareOfLimit(roof));
    }
}
