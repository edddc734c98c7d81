using System.CommandLine;
using System.Globalization;
using DistillEngine.Benchmarks;
using DistillEngine.Kernels;
using DistillEngine.Training;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill bench step</c>.</summary>
static class BenchStepVerb
{
    const int StandardTarget = 32;

    public static Command Build(Io io)
    {
        Option<string> model = BenchVerb.Model();
        Option<int> batch = BenchVerb.Count("--batch", "Rows; with --step-by-step as many of each task", 8);
        Option<int> source = BenchVerb.Count("--source", "Tokens of each source", 64);
        var target = CommonOptions.AtLeast(new Option<int?>("--target")
        {
            Description = $"Tokens of each target; default: {StandardTarget}; not used with --step-by-step", HelpName = "N",
        }, 1);
        var stepByStep = new Option<bool>("--step-by-step")
        {
            Description = $"The method's own step: rows to predict ({StepBenchOptions.LabelLength} target tokens) and to explain "
                + $"({StepBenchOptions.RationaleLength}) together, whatever --target says",
        };
        ChoiceOption<ComputePrecision> precision = DeviceOptions.Precision();
        var optimizer = new Option<string>("--optimizer")
        {
            Description = string.Join(", ", Optimizers.Names), DefaultValueFactory = _ => "adamw", HelpName = "NAME",
        };
        Option<bool> recompute = DeviceOptions.Recompute();
        Option<int> threads = DeviceOptions.Threads();
        Option<string> device = DeviceOptions.Device();
        Option<bool> profile = Profiling.Option();
        Option<bool> json = CommonOptions.Json("device, forwardMs, backwardMs, optimizerMs, stepMs (medians), tokensPerSecond, peakRssMb, limitMs, "
            + "shareOfLimit (above 1 where data came from caches)");
        var command = new Command("step", "Time a training step with random tokens, and compare with what the machine allows")
        {
            model, batch, source, target, stepByStep, precision, optimizer, recompute, threads, device, profile, json,
        };
        command.SetAction(p =>
        {
            if (p.GetValue(stepByStep) && p.GetValue(target) is not null)
                io.Error.WriteLine($"--target {p.GetValue(target)} is not used: the targets of --step-by-step have {StepBenchOptions.LabelLength} and "
                    + $"{StepBenchOptions.RationaleLength} tokens.");
            var options = new StepBenchOptions
            {
                Model = p.GetValue(model)!, Batch = p.GetValue(batch), Source = p.GetValue(source), Target = p.GetValue(target) ?? StandardTarget,
                StepByStep = p.GetValue(stepByStep), Optimizer = p.GetValue(optimizer)!, Recompute = p.GetValue(recompute),
                Operands = PeakKinds.Of(precision.Of(p)),
            };
            using IBackend backend = DeviceOptions.Open(p.GetValue(device)!, p.GetValue(threads), precision.Of(p), report: io.Error.WriteLine);
            var (result, recording) = Measure(io, options, backend, p.GetValue(profile));
            // The buffers of the roofline come after the step's memory is read and freed.
            Roof roof = result.Conditions.Limits(RooflineMeter.Measure(backend));
            recording?.Write(io, roof, options.Operands, result.Conditions.ProbeSeconds);
            if (p.GetValue(json)) WriteJson(io, backend, result, roof);
            else WriteText(io, backend, result, roof);
            return ExitCode.Ok;
        });
        return command;
    }

    static (StepBenchResult Result, Recording? Recording) Measure(Io io, StepBenchOptions options, IBackend backend, bool isRecorded)
    {
        using var bench = new StepBench(options, backend);
        return BenchVerb.Record(backend, isRecorded, warm => bench.Run(io.Cancel, warm, BenchVerb.Lengthy(io, "steps")));
    }

    static void WriteJson(Io io, IBackend backend, StepBenchResult r, Roof roof) => io.WriteJson(w =>
    {
        w.WriteString("device", backend.Name);
        w.WriteNumber("forwardMs", r.Forward.Median);
        w.WriteNumber("backwardMs", r.Backward.Median);
        w.WriteNumber("optimizerMs", r.Optimizer.Median);
        w.WriteNumber("stepMs", r.Step.Median);
        w.WriteNumber("tokensPerSecond", r.TokensPerSecond);
        w.WriteNumber("peakRssMb", r.Conditions.PeakRssMb);
        w.WriteNumber("limitMs", r.LimitMs(roof));
        w.WriteNumber("shareOfLimit", r.ShareOfLimit(roof));
    });

    static void WriteText(Io io, IBackend backend, StepBenchResult r, Roof roof)
    {
        BenchVerb.WriteTimingHead(io, backend);
        BenchVerb.WriteTiming(io, "forward", r.Forward);
        BenchVerb.WriteTiming(io, "backward", r.Backward);
        BenchVerb.WriteTiming(io, "optimizer", r.Optimizer);
        BenchVerb.WriteTiming(io, "step", r.Step);
        io.Output.WriteLine(FormattableString.Invariant($"tokens       {r.TokensPerSecond,10:F0} a second ({r.Tokens:N0} a step, {r.Steps} steps)"));
        io.Output.WriteLine(FormattableString.Invariant($"memory       {r.Conditions.PeakRssMb,10:F0} MB resident at most"));
        io.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"work         {r.ProductFlops * 1e-9,10:F1} GFLOP of products, "
            + $"{r.OptimizerBytes * 1e-9:F2} GB for the update"));
        BenchVerb.WriteLimit(io, r.LimitMs(roof), r.ShareOfLimit(roof), roof.Gflops(r.Operands), roof.ReadGBs);
    }
}
