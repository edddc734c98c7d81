using System.ComponentModel;
using System.Reflection;
using DistillEngine.Bench.Shown;

namespace DistillEngine.Bench;

/// <summary>The suites of this program: every class of benchmarks, under its name without the word Benchmark.</summary>
static class Suites
{
    const string Suffix = "Benchmark";

    static readonly Type[] Types =
        [.. typeof(OpBenchmark).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(OpBenchmark)) && !t.IsAbstract).OrderBy(NameOf, StringComparer.Ordinal)];

    /// <summary>The class of a suite, or null.</summary>
    public static Type? Find(string name) => Types.FirstOrDefault(t => NameOf(t) == name);

    /// <summary>What a user reads who names no suite.</summary>
    public static void List(TextWriter output)
    {
        output.WriteLine("Suites:");
        foreach (Type type in Types) output.WriteLine($"  {NameOf(type),-20} {type.GetCustomAttribute<DescriptionAttribute>()?.Description}");
        output.WriteLine($"  {CompareProject.Suite,-20} training step and generation beside libtorch; starts a project of its own, bench/DistillEngine.Compare");
        output.WriteLine();
        output.WriteLine("Suites of shown, the rows that are published, timed in turns with what they are compared with:");
        foreach (ShownSuite suite in ShownSuite.All) output.WriteLine($"  {suite.Name,-20} {suite.What}");
        output.WriteLine("""

            dotnet run -c Release --project bench/DistillEngine.Bench -- SUITE …        some suites, with the roofline
            dotnet run -c Release --project bench/DistillEngine.Bench -- all            every suite
            dotnet run -c Release --project bench/DistillEngine.Bench -- shown          every suite of shown of the processor, or of the device
            dotnet run -c Release --project bench/DistillEngine.Bench -- shown SUITE …  some of them
            dotnet run -c Release --project bench/DistillEngine.Bench -- compare …      beside libtorch, whose first build downloads it; --help has its options
              --record          write Markdown and JSON to bench/results/<device>/
              --filter PATTERN  BenchmarkDotNet's own options work, too
            DISTILL_BENCH_THREADS sets the compute threads, DISTILL_ISA the kernels; DISTILL_DEVICE=cuda:0 runs the suites on a device.
            """);
    }

    static string NameOf(Type type)
    {
        string name = type.Name.EndsWith(Suffix, StringComparison.Ordinal) ? type.Name[..^Suffix.Length] : type.Name;
        return string.Concat(name.Select((c, i) => char.IsUpper(c) && i > 0 ? $"-{char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"));
    }
}
