using BenchmarkDotNet.Running;
using DistillEngine.Bench.Shown;
using DistillEngine.Core;

namespace DistillEngine.Bench;

static class Program
{
    const string Record = "--record", All = "all", Shown = "shown";

    static int Main(string[] args)
    {
        if (args.FirstOrDefault() == CompareProject.Suite) return CompareProject.Run(args[1..], ResultPlace.Root());
        bool isRecorded = args.Contains(Record);
        string[] rest = [.. args.Where(arg => arg != Record)];
        if (rest.Length == 0)
        {
            Suites.List(Console.Out);
            return isRecorded ? 2 : 0;
        }
        if (BenchDevice.WhyUnusable() is { } why)
        {
            Console.Error.WriteLine(why);
            return 1;
        }
        if (rest[0] == Shown) return Show(rest[1..], isRecorded);
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

    /// <summary>The published rows, which are timed in turns and so not by BenchmarkDotNet.</summary>
    /// <param name="names">Suites, or none for all of the device that is named, or of the processor.</param>
    static int Show(string[] names, bool isRecorded)
    {
        if (names.FirstOrDefault(name => ShownSuite.Find(name) is null) is { } unknown)
        {
            Console.Error.WriteLine($"There is no suite '{unknown}' of {Shown}. Without arguments the suites are listed.");
            return 2;
        }
        bool isOfDevice = BenchDevice.Name is not null;
        IReadOnlyList<ShownSuite> suites =
            [.. names.Length == 0 ? ShownSuite.All.Where(suite => suite.IsOfDevice == isOfDevice) : names.Select(name => ShownSuite.Find(name)!)];
        if (suites.FirstOrDefault(suite => suite.IsOfDevice != isOfDevice) is { } other)
        {
            Console.Error.WriteLine(other.IsOfDevice
                ? $"{other.Name} measures a device: set {BenchDevice.Variable} to one that distill doctor lists, such as cuda:0."
                : $"{other.Name} measures the processor: leave {BenchDevice.Variable} out.");
            return 2;
        }
        ShownSizes sizes = ShownSizes.Full with { Device = BenchDevice.Name is { } device ? new(device) : null };
        try
        {
            ShownRun.Of(suites, sizes, Console.Out, Console.Error, isRecorded ? ResultPlace.Create(BenchDevice.VendorsName()) : null, DateOnly.FromDateTime(DateTime.UtcNow));
            return 0;
        }
        catch (Exception e) when (e is InvalidOperationException or InsufficientMemoryException or DeviceException)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
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
