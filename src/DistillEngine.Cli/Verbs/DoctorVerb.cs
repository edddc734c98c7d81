using System.CommandLine;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill doctor</c>.</summary>
static class DoctorVerb
{
    public static Command Build(Io io)
    {
        var command = new Command("doctor", "Show what this machine offers: processor, instruction sets, memory, threads, devices");
        command.SetAction(_ =>
        {
            void Row(string name, string value) => io.Output.WriteLine($"{name,-18} {value}");
            bool isAhead = !RuntimeFeature.IsDynamicCodeCompiled;
            Row("distill", $"{typeof(DoctorVerb).Assembly.GetName().Version?.ToString(3)}{(isAhead ? ", compiled ahead of time" : "")}");
            Row("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {RuntimeInformation.FrameworkDescription}");
            Row("processor", ProcessorName());
            Row("instruction sets", string.Join(' ', InstructionSets()));
            CpuIsa chosen = CpuIsas.Choose();
            Row("vector widths", string.Join(", ", CpuIsas.Widths.Select(i => $"{CpuIsas.Name(i)}{(CpuIsas.IsAdvised(i) ? "" : " (emulated)")}")));
            foreach (CpuIsa isa in CpuIsas.All.Where(CpuIsas.IsEmitted))
                Row($"  {CpuIsas.Name(isa)}", CpuIsas.Obstacle(isa) is { } obstacle ? $"not usable: {obstacle}"
                    : CpuIsas.Advice(isa) is { } advice ? $"emitted matrix products; {advice}" : "emitted matrix products");
            string others = CpuIsas.IsEmitted(chosen) ? $", other ops {CpuIsas.Name(CpuIsas.Width(chosen))}" : "";
            bool isForced = Environment.GetEnvironmentVariable(CpuIsas.Variable) is { Length: > 0 };
            Row("chosen kernels", $"{CpuIsas.Name(chosen)}{others} "
                + (isForced ? $"(forced by {CpuIsas.Variable})" : $"(set {CpuIsas.Variable} to force others)"));
            var (rows, words, columns) = CpuBackend.ProductBlocks(chosen);
            Row("caches", $"{ProcessorCaches.Machine}; products pack {rows} rows × {words} words, {columns} columns");
            Row("bf16 products", CpuIsas.HasBf16(chosen)
                ? "dot products of the processor, with --dtype bf16"
                : "emulated, with --dtype bf16: operands are rounded and multiplied as f32");
            Row("processors", $"{Environment.ProcessorCount}");
            Row("memory", $"{SystemMemory.TotalBytes >> 20:N0} MiB, {SystemMemory.AvailableBytes >> 20:N0} MiB free");
            Row("huge pages", HugePages.Setting switch
            {
                null => "none: the system has no transparent huge pages",
                "never" => "never: the system gives none (setting /sys/kernel/mm/transparent_hugepage/enabled)",
                var setting => $"{setting}: pages of 2 MiB are asked for behind buffers of 8 MiB and more",
            });
            Row("devices", $"cpu ({Environment.ProcessorCount} threads)");
            foreach (var (name, description) in Accelerators.Describe()) Row("", $"{name}: {description}");
            return ExitCode.Ok;
        });
        return command;
    }

    static string ProcessorName()
    {
        const string Path = "/proc/cpuinfo", Key = "model name";
        if (File.Exists(Path))
            foreach (string line in File.ReadLines(Path))
                if (line.StartsWith(Key, StringComparison.Ordinal)) return line[(line.IndexOf(':') + 1)..].Trim();
        return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown";
    }

    static IEnumerable<string> InstructionSets()
    {
        (string Name, bool IsSupported)[] sets =
        [
            ("sse4.2", Sse42.IsSupported), ("avx", Avx.IsSupported), ("avx2", Avx2.IsSupported), ("fma", Fma.IsSupported), ("avx512f", Avx512F.IsSupported),
            ("avx512bw", Avx512BW.IsSupported), ("avx512vbmi", Avx512Vbmi.IsSupported), ("neon", AdvSimd.IsSupported), ("dotprod", Dp.IsSupported),
        ];
        return sets.Where(s => s.IsSupported).Select(s => s.Name).Concat(CpuIsas.DotProducts).DefaultIfEmpty("none that this program knows");
    }
}
