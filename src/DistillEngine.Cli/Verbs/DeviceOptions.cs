using System.CommandLine;
using DistillEngine.Kernels;

namespace DistillEngine.Cli.Verbs;

/// <summary>Where and on how many threads the verbs compute.</summary>
static class DeviceOptions
{
    public static Option<int> Threads()
    {
        var option = CommonOptions.AtLeast(new Option<int>("--threads")
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

    /// <summary>Compute threads that <c>--threads</c> stands for.</summary>
    public static int Count(int threads) => threads == 0 ? Environment.ProcessorCount : threads;

    public static Option<string> Device() => new("--device")
    {
        Description = "Where to compute: auto, cpu, cuda:N, opencl:N or cpu-emulator", DefaultValueFactory = _ => "auto", HelpName = "NAME",
    };

    /// <exception cref="UsageException">The device is unknown, absent, or not part of this program.</exception>
    public static IBackend Open(string device, int threads)
    {
        if (device == "auto") device = Accelerators.Preferred() ?? "cpu";
        return device == "cpu" ? CpuBackend.Open(threads) : Accelerators.Open(device);
    }
}
