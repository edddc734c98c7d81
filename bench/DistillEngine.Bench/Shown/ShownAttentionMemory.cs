using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Bench.Shown;

/// <summary>Memory of one row by its length: the arena of a training step, and what attention alone makes resident.</summary>
static class ShownAttentionMemory
{
    const int Sequences = 1;

    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable("Memory by length, one row, forward and backward", "linear: bytes grow as the length does",
            new("length", "length"), new("arenaBytes", "arena of a step, bytes", "N0"), new("arenaGrowth", "growth from the row above by that of the length", "F2"),
            new("attentionBytes", "attention resident, bytes", "N0"), new("attentionGrowth", "growth from the row above by that of the length", "F2"), new("attentionMs", "attention, ms"));
        T5Config config = BenchModel.Config(sizes.Small);
        double lastArena = 0, lastAttention = 0, lastLength = 0;
        // Once before, so that code and its compilation are resident.
        Attend(config, sizes.AttentionLengths[0], sizes.AllThreads);
        foreach (int length in sizes.AttentionLengths)
        {
            double arena = T5Model.Measure(config, BatchLimits.Full(Sequences, length, length), training: true).Activations;
            var (attention, milliseconds) = Attend(config, length, sizes.AllThreads);
            double longer = length / lastLength;
            bool isFirst = lastLength == 0;
            table.Add(length, arena, isFirst ? 1.0 : arena / lastArena / longer, attention, isFirst ? 1.0 : attention / lastAttention / longer, milliseconds);
            (lastArena, lastAttention, lastLength) = (arena, attention, length);
        }
        return table;
    }

    /// <summary>Self-attention with a position bias: operands, results and whatever the op holds meanwhile.</summary>
    static (double Bytes, double Milliseconds) Attend(T5Config config, int length, int threads)
    {
        double before = ResidentMemory.Begin();
        using CpuBackend backend = CpuBackend.Open(threads);
        using var tensors = new ShownTensors(backend);
        Shape rows = new(length, config.InnerWidth);
        Tensor q = tensors.Random("q", rows), k = tensors.Random("k", rows), v = tensors.Random("v", rows), dy = tensors.Random("dy", rows);
        Tensor y = tensors.Zeros("y", rows), dq = tensors.Zeros("dq", rows), dk = tensors.Zeros("dk", rows), dv = tensors.Zeros("dv", rows);
        Tensor logSumExp = tensors.Zeros("logSumExp", new(length, config.Heads)), spans = tensors.Zeros("spans", new(Sequences, AttentionSpan.Fields), DType.I32);
        Span<int> span = spans.HostSpan<int>();
        (span[1], span[3]) = (length, length);
        int[] map = RelativePositionBuckets.Build(bidirectional: true, config.RelativeBuckets, config.RelativeMaxDistance);
        Tensor buckets = tensors.Zeros("buckets", new(map.Length), DType.I32), table = tensors.Random("table", new(config.RelativeBuckets, config.Heads));
        map.CopyTo(buckets.HostSpan<int>());
        Tensor dTable = tensors.Zeros("dTable", table.Shape), partials = tensors.Zeros("partials", new(Sequences, config.Heads * config.RelativeBuckets));
        var bias = new RelativeBias(table, buckets);
        Attention op = backend.Kernels.Attention;
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        op.Forward(q, k, v, spans, config.Heads, Masking.None, bias, DropoutSite.None, y, logSumExp);
        op.Backward(dy, q, k, v, y, logSumExp, spans, config.Heads, Masking.None, bias, DropoutSite.None, dq, dk, dv, dTable, partials);
        double milliseconds = System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        return (1e6 * (PeakMemory.Megabytes - before), milliseconds);
    }
}
