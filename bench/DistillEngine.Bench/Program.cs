using BenchmarkDotNet.Running;

namespace DistillEngine.Bench;

static class Program
{
    static void Main(string[] args) =>
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(WithRoofline(args), new BenchConfig());

    /// <summary>Adds the roofline to a filter, so that every run measures the limits it compares with.</summary>
    static string[] WithRoofline(string[] args)
    {
        int filter = Array.FindIndex(args, arg => arg is "--filter" or "-f");
        return filter < 0 ? args : [.. args[..(filter + 1)], $"*{nameof(Roofline)}*", .. args[(filter + 1)..]];
    }
}
