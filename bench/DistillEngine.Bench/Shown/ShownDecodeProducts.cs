using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Bench.Shown;

/// <summary>Products of one row whose weights come from memory, in turns with reading memory.</summary>
static class ShownDecodeProducts
{
    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable("Products of decoding, one row, weights larger than the caches", "85 % of the read bandwidth",
            new("weights", "weights"), new("map", "inputs → outputs"), new("us", "median a product, µs"), new("gbs", "GB/s"), new("readGbs", "read, GB/s"),
            new("share", "share, median of the turns", "P1"));
        using var backend = CpuBackend.Open(sizes.AllThreads);
        using var meter = new RooflineMeter(CpuIsas.Choose(), sizes.AllThreads);
        foreach (WeightForm form in (WeightForm[])[T5Model.FormForGeneration(backend, WeightForm.F32), WeightForm.BF16, WeightForm.Int8])
            foreach (var (inputs, outputs) in sizes.DecodeProducts)
                Measure(table, backend, meter, form, inputs, outputs, sizes);
        return table;
    }

    static void Measure(ShownTable table, CpuBackend backend, RooflineMeter meter, WeightForm form, int inputs, int outputs, ShownSizes sizes)
    {
        using var tensors = new ShownTensors(backend);
        Tensor values = tensors.Random("w", new(outputs, inputs)), x = tensors.Random("x", new(1, inputs)), y = tensors.Zeros("y", new(1, outputs));
        var spec = new ParameterSpec("w", values.Shape, Initializer.Normal, 1, ParameterUse.Linear);
        int maps = (int)(sizes.WeightBytes / ParameterStore.ByteLengthOf([spec], form)) + 1;
        using var store = new ParameterStore([.. Enumerable.Repeat(spec, maps)], backend, training: false, form);
        for (int i = 0; i < maps; i++)
            store.Write(new(i), (start, destination) => values.HostSpan<float>().Slice((int)start, destination.Length).CopyTo(destination));
        Weight[] weights = [.. Enumerable.Range(0, maps).Select(i => store.Weight(new(i)))];
        double[][] times = Turns.Of(sizes.ShortTurns, () =>
        {
            foreach (Weight weight in weights) backend.Kernels.MatMul.Forward(x, weight, Into.Overwrite, y);
        }, meter.Read);
        double bytes = (double)MatMul.ForwardCost(1, weights[0]).Bytes * maps, median = Timing.Of(times[0]).Median;
        // Bandwidth moves: each turn is compared with the reading beside it.
        double share = Timing.Of(times[0].Zip(times[1], (product, read) => bytes / product / (RooflineMeter.StreamBytes / read))).Median;
        table.Add(form.ToString(), $"{inputs} → {outputs}", 1e3 * median / maps, 1e-6 * bytes / median,
            1e-6 * RooflineMeter.StreamBytes / Timing.Of(times[1]).Median, share);
    }
}
