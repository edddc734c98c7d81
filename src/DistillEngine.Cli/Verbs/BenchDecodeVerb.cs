using System.CommandLine;
using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill bench decode</c>.</summary>
static class BenchDecodeVerb
{
    public static Command Build(Io io)
    {
        Option<string> model = BenchVerb.Model();
        Option<int> batch = BenchVerb.Count("--batch", "Sequences decoded together", 1);
        Option<int> source = BenchVerb.Count("--source", "Tokens of each source", 64);
        Option<int> tokens = BenchVerb.Count("--tokens", "New tokens of each sequence; none ends early", 32);
        ChoiceOption<WeightForm> weights = GenerationOptionSet.WeightsOption();
        ChoiceOption<DType> cache = GenerationOptionSet.CacheOption();
        Option<int> threads = DeviceOptions.Threads();
        Option<string> device = DeviceOptions.Device();
        Option<bool> profile = Profiling.Option();
        Option<bool> json = CommonOptions.Json("device, ms (median, encoder included), tokensPerSecond, bytesPerToken, limitMs, "
            + "shareOfLimit (above 1 where data came from caches), peakRssMb");
        var command = new Command("decode", "Time greedy generation from random sources, and compare with what the machine allows")
        {
            model, batch, source, tokens, weights, cache, threads, device, profile, json,
        };
        command.SetAction(p =>
        {
            var options = new DecodeBenchOptions
            {
                Model = p.GetValue(model)!, Batch = p.GetValue(batch), Source = p.GetValue(source), Tokens = p.GetValue(tokens), Weights = weights.Of(p),
                Cache = cache.Of(p),
            };
            using IBackend backend = DeviceOptions.Open(p.GetValue(device)!, p.GetValue(threads), weights: options.Weights, cache: options.Cache,
                report: io.Error.WriteLine);
            var (result, recording) = Measure(io, options, backend, p.GetValue(profile));
            // The buffers of the roofline come after the generation's memory is read and freed.
            Roof roof = result.Conditions.Limits(RooflineMeter.Measure(backend));
            recording?.Write(io, roof, DecodeWork.OperandsOf(options.Weights), result.Conditions.ProbeSeconds);
            if (p.GetValue(json)) WriteJson(io, backend, result, roof);
            else WriteText(io, backend, result, roof, options.Weights);
            return ExitCode.Ok;
        });
        return command;
    }

    static (DecodeBenchResult Result, Recording? Recording) Measure(Io io, DecodeBenchOptions options, IBackend backend, bool isRecorded)
    {
        using var bench = new DecodeBench(options, backend);
        return BenchVerb.Record(backend, isRecorded, warm => bench.Run(io.Cancel, warm, BenchVerb.Lengthy(io, "generations")));
    }

    static void WriteJson(Io io, IBackend backend, DecodeBenchResult r, Roof roof) => io.WriteJson(w =>
    {
        w.WriteString("device", backend.Name);
        w.WriteNumber("ms", r.Time.Median);
        w.WriteNumber("tokensPerSecond", r.TokensPerSecond);
        w.WriteNumber("bytesPerToken", r.BytesPerToken);
        w.WriteNumber("limitMs", r.LimitMs(roof));
        w.WriteNumber("shareOfLimit", r.ShareOfLimit(roof));
        w.WriteNumber("peakRssMb", r.Conditions.PeakRssMb);
    });

    static void WriteText(Io io, IBackend backend, DecodeBenchResult r, Roof roof, WeightForm weights)
    {
        BenchVerb.WriteTimingHead(io, backend);
        BenchVerb.WriteTiming(io, "generation", r.Time);
        io.Output.WriteLine(FormattableString.Invariant($"tokens       {r.TokensPerSecond,10:F1} a second ({r.Sequences} x {r.TokensEach}, {r.Runs} runs)"));
        io.Output.WriteLine(FormattableString.Invariant($"reads        {r.BytesPerToken * 1e-6,10:F1} MB a token"));
        io.Output.WriteLine(FormattableString.Invariant($"memory       {r.Conditions.PeakRssMb,10:F0} MB resident at most"));
        BenchVerb.WriteLimit(io, r.LimitMs(roof), r.ShareOfLimit(roof), roof.Gflops(DecodeWork.OperandsOf(weights)), roof.ReadGBs);
    }
}
