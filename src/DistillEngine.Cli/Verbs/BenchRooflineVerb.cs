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
        Option<string> device = DeviceOptions.Device();
        Option<bool> json = CommonOptions.Json("device, threads, fp32Gflops, bf16Gflops, tf32Gflops, int8Gops (null where this program has no loop for it), "
            + "readGBs, copyGBs; perCore with the same of one thread; threads and perCore are null on a device");
        var command = new Command("roofline", "Peak arithmetic from registers and bandwidth of memory: of one core and of all threads, or of a device") { threads, device, json };
        command.SetAction(p =>
        {
            using IBackend backend = DeviceOptions.Open(p.GetValue(device)!, p.GetValue(threads), report: io.Error.WriteLine);
            Roof all = RooflineMeter.Measure(backend);
            Roof? one = backend is not CpuBackend ? null : all.Threads == 1 ? all : RooflineMeter.Measure(CpuIsas.Choose(), 1);
            foreach (var (name, kind, peak) in ((string, PeakKind, double?)[])[("bf16", PeakKind.Bf16, all.Bf16Gflops), ("tf32", PeakKind.Tf32, all.Tf32Gflops),
                ("int8", PeakKind.Int8, all.Int8Gops)])
            {
                if (peak is null) io.Error.WriteLine($"{name}: not measured: {RooflineMeter.WhyMissing(backend, kind)}.");
            }
            if (p.GetValue(json))
                io.WriteJson(w =>
                {
                    w.WriteString("device", backend.Name);
                    WriteFields(w, all);
                    if (one is null)
                    {
                        w.WriteNull("perCore");
                        return;
                    }
                    w.WriteStartObject("perCore");
                    WriteFields(w, one);
                    w.WriteEndObject();
                });
            else
                WriteTable(io, one is null || one == all ? [all] : [one, all]);
            return ExitCode.Ok;
        });
        return command;
    }

    static void WriteFields(Utf8JsonWriter w, Roof roof)
    {
        WriteNumber(w, "threads", roof.Device is null ? roof.Threads : null);
        w.WriteNumber("fp32Gflops", roof.Fp32Gflops);
        WriteNumber(w, "bf16Gflops", roof.Bf16Gflops);
        WriteNumber(w, "tf32Gflops", roof.Tf32Gflops);
        WriteNumber(w, "int8Gops", roof.Int8Gops);
        w.WriteNumber("readGBs", roof.ReadGBs);
        w.WriteNumber("copyGBs", roof.CopyGBs);
    }

    static void WriteNumber(Utf8JsonWriter w, string name, double? value)
    {
        if (value is { } number) w.WriteNumber(name, number);
        else w.WriteNull(name);
    }

    /// <summary>A column for each of them.</summary>
    static void WriteTable(Io io, Roof[] roofs)
    {
        io.Output.WriteLine($"{"",-30}{string.Concat(roofs.Select(roof => $" {(roof.Threads == 1 ? "1 thread" : roof.Where),12}"))}");
        Row("fp32 multiply-add, GFLOP/s", roof => roof.Fp32Gflops);
        Row("bf16 product, GFLOP/s", roof => roof.Bf16Gflops);
        Row("tf32 product, GFLOP/s", roof => roof.Tf32Gflops);
        Row("int8 product, GOP/s", roof => roof.Int8Gops);
        Row("memory read, GB/s", roof => roof.ReadGBs);
        Row("memory copy, GB/s", roof => roof.CopyGBs);

        void Row(string name, Func<Roof, double?> value) => io.Output.WriteLine($"{name,-30}{string.Concat(roofs.Select(roof => $" {Text(value(roof)),12}"))}");
    }

    static string Text(double? value) => value is { } number ? FormattableString.Invariant($"{number:F1}") : "-";
}
