using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench.Shown;

/// <summary>Forward products of a device in turns with cuBLAS and with the peak loop of their operands.</summary>
static class ShownDeviceProducts
{
    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable("Products of the device", "60 % of cuBLAS in bf16 at 4096 × 4096 × 4096",
            new("type", "type"), new("shape", "rows × inputs × outputs"), new("ms", "median, ms", "F4"), new("tflops", "TFLOP/s", "F2"),
            new("peakTflops", "peak, TFLOP/s", "F2"), new("share", "share", "P1"), new("cublasTflops", "cuBLAS, TFLOP/s", "F2"),
            new("cublasOfBf16Tflops", "cuBLAS of bf16 factors, TFLOP/s", "F2"), new("shareOfCublas", "share of the faster cuBLAS", "P1"),
            new("tile", "own tile"));
        ShownDevice device = sizes.RequireDevice();
        device.Each(sizes.DeviceTypes, table, backend =>
        {
            if (backend.MultipliesByCublas)
                throw new InvalidOperationException($"{backend.Name}: its own products are measured beside cuBLAS; leave DISTILL_GEMM out.");
            var (peer, whyMissing) = device.OpenPeer(backend);
            using (peer)
            {
                foreach (var (rows, inputs, outputs) in sizes.DeviceProducts)
                    Measure(table, backend, peer, whyMissing, new(rows, inputs), outputs, sizes.ShortTurns);
            }
        });
        return table;
    }

    static void Measure(ShownTable table, GpuBackend backend, IProductPeer? peer, string whyMissing, Shape input, int outputs, int turns)
    {
        var (rows, inputs) = (input.D0, input.D1);
        using var tensors = new ShownTensors(backend);
        using IDeviceRoofline loops = backend.OpenRoofline();
        // Without arithmetic of its own for a type the device emulates it in float32.
        ComputePrecision arithmetic = loops.Operations(backend.Precision) is null ? ComputePrecision.F32 : backend.Precision;
        Tensor x = tensors.Random("x", input), values = tensors.Random("w", new(outputs, inputs)), y = tensors.Zeros("y", new(rows, outputs));
        var w = new Weight(values);
        List<QueuedWork> works = [Queued(() => backend.Kernels.MatMul.Forward(x, w, Into.Overwrite, y)), Queued(() => loops.Compute(arithmetic))];
        if (peer is not null) works.Add(Queued(() => peer.Multiply(x, values, y)));
        if (peer is not null && backend.Precision == ComputePrecision.Bf16)
        {
            Tensor lowX = tensors.RandomBf16("x in bf16", input), lowW = tensors.RandomBf16("w in bf16", values.Shape);
            works.Add(Queued(() => peer.Multiply(lowX, lowW, y)));
        }
        double[][] times = Turns.Of(turns, [.. works.Select(work => (Action)work.Run)]);

        long flops = MatMul.ForwardCost(rows, inputs, outputs).Flops;
        double[] milliseconds = [.. times.Select((t, i) => Timing.Of(t).Median / works[i].Times)];
        double own = Tflops(flops, milliseconds[0]);
        // A limit is what was reached once.
        double peak = Tflops(loops.Operations(arithmetic)!.Value, Timing.Of(times[1]).Min / works[1].Times);
        double[] cublas = [.. milliseconds[2..].Select(ms => Tflops(flops, ms))];
        string type = arithmetic == backend.Precision ? $"{backend.Precision}" : $"{backend.Precision}, emulated";
        table.Add(type, $"{rows} × {inputs} × {outputs}", milliseconds[0], own, peak, own / peak, cublas.Length > 0 ? cublas[0] : whyMissing,
            cublas.Length > 1 ? cublas[1] : double.NaN, cublas.Length > 0 ? own / cublas.Max() : double.NaN,
            backend.ForwardTile(rows, outputs, inputs) ?? "none");

        QueuedWork Queued(Action queue) => new(backend, queue);
    }

    static double Tflops(long operations, double milliseconds) => 1e-9 * operations / milliseconds;
}
