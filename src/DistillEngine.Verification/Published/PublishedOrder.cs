using System.Globalization;
using DistillEngine.Data.Batching;

namespace DistillEngine.Verification;

/// <summary>Which rows a published run trains on, and in which order it draws them.</summary>
static class PublishedOrder
{
    public static void Run(PublishedRun run, CaseReport report)
    {
        string path = run.PathOf("rows.safetensors");
        if (!report.Has("row order", path)) return;
        using var file = GoldenTensors.Open(path);
        GoldenJson sampler = GoldenJson.Load(run.PathOf("sampler.json")), call = sampler["split_call"];
        int[] train = file.Integers("train_source_rows");
        PublishedSplit split = PublishedSplit.Of(call["rows"].Integer, call["test_size"].Number, (uint)call["seed"].Unsigned);
        var drawn = new PublishedSampler((uint)run.Arguments["seed"].Unsigned, train.Length);
        int[] order = new int[train.Length];
        drawn.Fill(0, order);

        var differences = new Differences();
        differences.See("train_source_rows", split.Train, train);
        differences.See("valid_source_rows", split.Valid, file.Integers("valid_source_rows"));
        differences.See("generator_seed", drawn.GeneratorSeed.ToString(CultureInfo.InvariantCulture),
            sampler["generator_seed"].Unsigned.ToString(CultureInfo.InvariantCulture));
        differences.See("first_epoch_order", order, file.Integers("first_epoch_order"));
        int next = 0;
        foreach (GoldenJson micro in run.Steps.SelectMany(step => step["micro_batches"].Items))
        {
            foreach (int row in micro["rows"].Integers) differences.See($"row {next}", order[next++], row);
        }
        report.Add("row order", differences);
    }
}
