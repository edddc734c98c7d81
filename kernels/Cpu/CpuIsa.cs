using System.Runtime.Intrinsics;

namespace DistillEngine.Kernels;

/// <summary>Widths that the portable kernels exist in, narrowest first.</summary>
public enum CpuIsa : byte
{
    Scalar,
    Vector128,
    Vector256,
    Vector512,
}

/// <summary>The choice of width.</summary>
public static class CpuIsas
{
    /// <summary>Environment variable that forces a width.</summary>
    public const string Variable = "DISTILL_ISA";

    /// <summary>Every width, in the order of preference. All run everywhere; what the processor lacks is emulated by the runtime.</summary>
    public static IReadOnlyList<CpuIsa> All { get; } = [CpuIsa.Vector512, CpuIsa.Vector256, CpuIsa.Vector128, CpuIsa.Scalar];

    /// <summary>Whether the runtime advises this width on this processor (it advises against 512 bits where they lower the clock).</summary>
    public static bool IsAccelerated(CpuIsa isa) => isa switch
    {
        CpuIsa.Vector512 => Vector512.IsHardwareAccelerated,
        CpuIsa.Vector256 => Vector256.IsHardwareAccelerated,
        CpuIsa.Vector128 => Vector128.IsHardwareAccelerated,
        _ => true,
    };

    /// <summary>The width that <see cref="Variable"/> names, else the first accelerated one.</summary>
    /// <exception cref="ArgumentException">The variable names no width.</exception>
    public static CpuIsa Choose() => Choose(Environment.GetEnvironmentVariable(Variable));

    /// <inheritdoc cref="Choose()"/>
    public static CpuIsa Choose(string? name)
    {
        if (!string.IsNullOrWhiteSpace(name))
        {
            foreach (CpuIsa isa in All)
                if (Name(isa) == name) return isa;
            throw new ArgumentException($"{Variable} is '{name}', expected one of {string.Join(", ", All.Select(Name))}.");
        }
        return All.First(IsAccelerated);
    }

    /// <summary>The name that <see cref="Variable"/> takes.</summary>
    public static string Name(CpuIsa isa) => isa switch
    {
        CpuIsa.Vector512 => "vector512",
        CpuIsa.Vector256 => "vector256",
        CpuIsa.Vector128 => "vector128",
        _ => "scalar",
    };
}
