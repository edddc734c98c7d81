using System.CommandLine;
using DistillEngine.Core;
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

    /// <summary>Type of the products' operands in training.</summary>
    public static ChoiceOption<ComputePrecision> Precision() => new("--dtype", "Type of the products' operands, tf32 on CUDA alone; sums, weights and all else are f32",
        ("f32", ComputePrecision.F32), ("bf16", ComputePrecision.Bf16), ("tf32", ComputePrecision.Tf32));

    /// <summary>The element type of a precision, for the limits.</summary>
    public static DType TypeOf(ComputePrecision precision) => precision == ComputePrecision.Bf16 ? DType.BF16 : DType.F32;

    /// <param name="report">Takes lines for the user.</param>
    /// <exception cref="UsageException">The device is unknown, absent, not part of this program, or does not compute in this precision.</exception>
    public static IBackend Open(string device, int threads, ComputePrecision precision = ComputePrecision.F32, Action<string>? report = null)
    {
        if (device == "auto") device = Accelerators.Preferred() ?? "cpu";
        if (device != "cpu") return Accelerators.Open(device, precision, report);
        return precision == ComputePrecision.Tf32
            ? throw new UsageException("--dtype tf32 --device cpu: the processor does not multiply tf32, which CUDA devices of compute capability 8.0 and above do; take f32 or bf16.")
            : CpuBackend.Open(threads, precision);
    }
}
