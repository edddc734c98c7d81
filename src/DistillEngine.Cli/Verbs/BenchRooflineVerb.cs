using System.CommandLine;
using System.Text.Json;
using DistillEngine.Benchmarks;
using DistillEngine.Kernels;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill bench roofline</c>.</summary>
static class BenchRooflineVerb
{
    public static Command Build(Io io)
    {
        Option<int> threads = DeviceOptions.Threads();
        Option<bool> json = CommonOptions.Json("threads, fp32Gflops, bf16Gflops, int8Gops (null where this program has no loop for it), readGBs, copyGBs; perCore with the same of one thread");
        var command = new Command("roofline", "Peak arithmetic from registers and bandwidth of memory, of one core and of all threads") { threads, json };
        command.SetAction(p =>
        {
            int count = DeviceOptions.Count(p.GetValue(threads));
            CpuIsa isa = CpuIsas.Choose();
            Roof one = RooflineMeter.Measure(isa, 1), all = count == 1 ? one : RooflineMeter.Measure(isa, count);
            if (all.Bf16Gflops is null) io.Error.WriteLine($"bf16: not measured: {PeakLoops.WhyMissing(PeakKind.Bf16)}.");
            if (all.Int8Gops is null) io.Error.WriteLine($"int8: not measured: {PeakLoops.WhyMissing(PeakKind.Int8)}.");
            if (p.GetValue(json))
                io.WriteJson(w =>
                {
                    WriteFields(w, all);
                    w.WriteStartObject("perCore");
                    WriteFields(w, one);
                    w.WriteEndObject();
                });
            else
                WriteTable(io, one, all);
            return ExitCode.Ok;
        });
        return command;
    }

    static void WriteFields(Utf8JsonWriter w, Roof roof)
    {
        w.WriteNumber("threads", roof.Threads);
        w.WriteNumber("fp32Gflops", roof.Fp32Gflops);
        WriteNumber(w, "bf16Gflops", roof.Bf16Gflops);
        WriteNumber(w, "int8Gops", roof.Int8Gops);
        w.WriteNumber("readGBs", roof.ReadGBs);
        w.WriteNumber("copyGBs", roof.CopyGBs);
    }

    static void WriteNumber(Utf8JsonWriter w, string name, double? value)
    {
        if (value is { } number) w.WriteNumber(name, number);
        else w.WriteNull(name);
    }

    static void WriteTable(Io io, Roof one, Roof all)
    {
        io.Output.WriteLine($"{"",-30} {"1 thread",12} {$"{all.Threads} threads",12}");
        Row("fp32 multiply-add, GFLOP/s", one.Fp32Gflops, all.Fp32Gflops);
        Row("bf16 dot product, GFLOP/s", one.Bf16Gflops, all.Bf16Gflops);
        Row("int8 dot product, GOP/s", one.Int8Gops, all.Int8Gops);
        Row("memory read, GB/s", one.ReadGBs, all.ReadGBs);
        Row("memory copy, GB/s", one.CopyGBs, all.CopyGBs);

        void Row(string name, double? first, double? second) =>
            io.Output.WriteLine(FormattableString.Invariant($"{name,-30} {(first is null ? "-" : FormattableString.Invariant($"{first:F1}")),12} {(second is null ? "-" : FormattableString.Invariant($"{second:F1}")),12}"));
    }
}
