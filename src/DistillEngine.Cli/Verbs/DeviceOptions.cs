using System.CommandLine;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Cli.Verbs;

/// <summary>Where and on how many threads the verbs compute.</summary>
static class DeviceOptions
{
    public static Option<int> Threads() => CommonOptions.AtMost(CommonOptions.AtLeast(new Option<int>("--threads")
    {
        Description = "Compute threads of the processor; 0 takes all", DefaultValueFactory = _ => 0, HelpName = "N",
    }, 0), ComputePool.MaxThreads);

    public static Option<string> Device() => new("--device")
    {
        Description = "Where to compute: auto, cpu, cuda:N, opencl:N or cpu-emulator", DefaultValueFactory = _ => "auto", HelpName = "NAME",
    };

    public static Option<bool> Recompute() => new("--recompute")
    {
        Description = "Compute activations again in backward instead of keeping them: less memory, about a quarter more time, the same bits",
    };

    /// <summary>Type of the products' operands in training.</summary>
    public static ChoiceOption<ComputePrecision> Precision() =>
        new("--dtype", "Type of the products' operands, tf32 on CUDA alone; sums, weights and all else are f32. bf16 is "
            + "emulated, no faster than f32, where distill doctor says so",
        ("f32", ComputePrecision.F32), ("bf16", ComputePrecision.Bf16), ("tf32", ComputePrecision.Tf32));

    /// <summary>Opens what <c>--device</c> names. <c>auto</c> takes the processor where its threads are counted, or weights, keys or values are held
    /// in a low form, and, with a line, where the CUDA driver or the device that it prefers fails.</summary>
    /// <param name="weights">How the matrices of the model will be held.</param>
    /// <param name="cache">How keys and values will be kept while decoding.</param>
    /// <param name="report">Takes lines for the user.</param>
    /// <exception cref="UsageException">The device is unknown, absent, not part of this program, does not compute in this precision or with
    /// such weights, or has no threads to be counted.</exception>
    /// <exception cref="DeviceException">The driver of a device that was named fails.</exception>
    public static IBackend Open(string device, int threads, ComputePrecision precision = ComputePrecision.F32, WeightForm weights = WeightForm.F32,
        DType cache = DType.F32,
        Action<string>? report = null)
    {
        if (device == "auto")
        {
            device = "cpu";
            string? why = null;
            if (threads == 0 && weights == WeightForm.F32 && cache == DType.F32 && Accelerators.Preferred(out why) is { } preferred)
            {
                try
                {
                    return Accelerators.Open(preferred, precision, report);
                }
                catch (DeviceException e)
                {
                    why = e.Message;
                }
            }
            if (why is not null) report?.Invoke($"--device auto: the processor computes. {why}");
        }
        if (device != "cpu")
        {
            if (threads != 0)
                throw new UsageException($"--threads {threads} --device {device}: the threads are those of the processor; "
                    + "leave out --threads, or take --device cpu.");
            IBackend backend = Accelerators.Open(device, precision, report);
            bool multiplies = backend.Kernels.MatMul.Supports(weights);
            if (multiplies && backend.Kernels.Attention.Supports(cache)) return backend;
            backend.Dispose();
            if (multiplies)
                throw new UsageException($"--cache bf16 --device {device}: the device keeps float32 keys and values alone; "
                    + "leave out --cache, or take --device cpu.");
            throw new UsageException($"--weights {weights.Name()} --device {device}: the device multiplies float32 weights alone; "
                + "leave out --weights, or take --device cpu.");
        }
        return precision == ComputePrecision.Tf32
            ? throw new UsageException("--dtype tf32 --device cpu: the processor does not multiply tf32, "
                + "which CUDA devices of compute capability 8.0 and above do; take f32 or bf16.")
            : CpuBackend.Open(threads, precision);
    }
}
