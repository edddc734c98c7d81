using System.CommandLine;
using DistillEngine.Kernels;

namespace DistillEngine.Cli.Verbs;

/// <summary>Options and small helpers that several verbs share.</summary>
static class CommonOptions
{
    public static Option<bool> Json(string shape) => new("--json") { Description = $"Write JSON: {shape}" };

    public static Option<int> Threads()
    {
        var option = AtLeast(new Option<int>("--threads")
        {
            Description = "Compute threads; 0 takes every processor", DefaultValueFactory = _ => 0, HelpName = "N",
        }, 0);
        option.Validators.Add(result =>
        {
            if (!result.Errors.Any() && result.GetValueOrDefault<int>() > ComputePool.MaxThreads)
                result.AddError($"--threads is {result.GetValueOrDefault<int>()}, expected at most {ComputePool.MaxThreads}.");
        });
        return option;
    }

    public static Option<string> Device() => new("--device")
    {
        Description = "Where to compute: auto or cpu", DefaultValueFactory = _ => "auto", HelpName = "NAME",
    };

    /// <summary>An option that takes one of an enumeration's names in the form users write, such as <c>step-by-step</c>.</summary>
    public static Option<T> Choice<T>(string name, string description, T standard, params (string Name, T Value)[] choices) where T : struct
    {
        var option = new Option<T>(name)
        {
            Description = $"{description}: {string.Join(", ", choices.Select(c => c.Name))}",
            HelpName = "NAME",
            DefaultValueFactory = _ => standard,
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                foreach (var (candidate, value) in choices)
                    if (candidate == text) return value;
                result.AddError($"{name} is '{text}', expected one of {string.Join(", ", choices.Select(c => c.Name))}.");
                return default;
            },
        };
        return option;
    }

    public static Option<T> AtLeast<T>(Option<T> option, T least) where T : IComparable<T>
    {
        option.Validators.Add(result =>
        {
            if (result.Errors.Any()) return;
            T? value = result.GetValueOrDefault<T>();
            if (value is not null && value.CompareTo(least) < 0) result.AddError($"{option.Name} is {value}, expected at least {least}.");
        });
        return option;
    }

    /// <exception cref="UsageException">The device is unknown or not part of this program.</exception>
    public static IBackend Open(string device, int threads) => device switch
    {
        "auto" or "cpu" => CpuBackend.Open(threads),
        _ => throw new UsageException($"--device {device}: this program computes on the CPU alone; expected auto or cpu. 'distill doctor' lists the devices."),
    };
}
