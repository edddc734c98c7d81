using BenchmarkDotNet.Running;

namespace DistillEngine.Bench;

static class Program
{
    const string Record = "--record", All = "all";

    static int Main(string[] args)
    {
        bool isRecorded = args.Contains(Record);
        string[] rest = [.. args.Where(arg => arg != Record)];
        if (rest.Length == 0)
        {
            Suites.List(Console.Out);
            return isRecorded ? 2 : 0;
        }
        string[] names = [.. rest.TakeWhile(arg => !arg.StartsWith('-'))];
        if (names.FirstOrDefault(name => name != All && Suites.Find(name) is null) is { } unknown)
        {
            Console.Error.WriteLine($"There is no suite '{unknown}'. Without arguments the suites are listed.");
            return 2;
        }
        using var results = isRecorded ? new ResultFolder() : null;
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(Arguments(names, rest[names.Length..]), new BenchConfig(results?.Artifacts));
        results?.Collect(names.Length > 0 ? string.Join('+', names) : "filtered");
        return 0;
    }

    /// <summary>BenchmarkDotNet's own arguments. The roofline is part of every run, so that it measures the limits it compares with.</summary>
    static string[] Arguments(string[] names, string[] rest)
    {
        if (names.Contains(All)) return ["--filter", "*", .. rest];
        string roofline = $"*{nameof(Roofline)}*";
        if (names.Length > 0) return ["--filter", roofline, .. names.Select(name => $"*.{Suites.Find(name)!.Name}.*"), .. rest];
        int filter = Array.FindIndex(rest, arg => arg is "--filter" or "-f");
        return filter < 0 ? rest : [.. rest[..(filter + 1)], roofline, .. rest[(filter + 1)..]];
    }
}
