using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistillEngine.Kernels;

/// <summary>The choice of kernels.</summary>
public static class CpuIsas
{
    /// <summary>Environment variable that forces a choice.</summary>
    public const string Variable = "DISTILL_ISA";

    /// <summary>Every choice, in the order of preference.</summary>
    public static IReadOnlyList<CpuIsa> All { get; } =
        [CpuIsa.Avx512Bf16, CpuIsa.Avx512, CpuIsa.Avx2, CpuIsa.Vector512, CpuIsa.Vector256, CpuIsa.Vector128, CpuIsa.Scalar];

    /// <summary>The widths of portable kernels, widest first. All run everywhere; what the processor lacks is emulated by the runtime.</summary>
    public static IReadOnlyList<CpuIsa> Widths { get; } = [.. All.Where(isa => !IsEmitted(isa))];

    /// <summary>Whether matrix products are machine code that the program writes.</summary>
    public static bool IsEmitted(CpuIsa isa) => isa >= CpuIsa.Avx2;

    /// <summary>Whether its products take bfloat16 operands as they are; the others round the operands and multiply them as float32.</summary>
    public static bool HasBf16(CpuIsa isa) => isa == CpuIsa.Avx512Bf16;

    /// <summary>The instruction sets of dot products that emitted code can use here, by the names that Linux gives them: they decide which products
    /// with bf16, int8 and int4 operands are chosen.</summary>
    public static IReadOnlyList<string> DotProducts
    {
        get
        {
            (string Name, bool IsUsable)[] sets =
                [("avx_vnni", Processor.HasAvxVnni), ("avx512_vnni", Processor.HasVnni), ("avx512_bf16", Obstacle(CpuIsa.Avx512Bf16) is null)];
            return [.. sets.Where(set => set.IsUsable).Select(set => set.Name)];
        }
    }

    /// <summary>Why this machine cannot run it; null where it can: its products are loaded then, which takes some milliseconds the first time.</summary>
    public static string? Obstacle(CpuIsa isa) => EmittedCode.Machine.Obstacle(isa);

    /// <summary>Whether it suits this machine: emitted code can run, or a width is accelerated; <see cref="Advice"/> says why not.</summary>
    public static bool IsAdvised(CpuIsa isa) => IsAdvised(isa, EmittedCode.Machine);

    static bool IsAdvised(CpuIsa isa, EmittedCode code) => isa switch
    {
        // The advice comes first: code that nobody is to run is not loaded.
        CpuIsa.Avx512 or CpuIsa.Avx512Bf16 or CpuIsa.Avx2 => Advice(isa) is null && code.Obstacle(isa) is null,
        CpuIsa.Vector512 => Vector512.IsHardwareAccelerated,
        CpuIsa.Vector256 => Vector256.IsHardwareAccelerated,
        CpuIsa.Vector128 => Vector128.IsHardwareAccelerated,
        _ => true,
    };

    /// <summary>What speaks against emitted code that can run here; null where nothing does. The runtime advises against 512 bits where they lower
    /// the clock; code compiled ahead of time has no such advice.</summary>
    public static string? Advice(CpuIsa isa)
    {
        if (isa is not (CpuIsa.Avx512 or CpuIsa.Avx512Bf16)) return null;
        if (RuntimeFeature.IsDynamicCodeCompiled && !Vector512.IsHardwareAccelerated) return "the runtime advises against 512 bits";
        return isa == CpuIsa.Avx512Bf16 && !Processor.HasFastBf16 ? "this processor multiplies rounded operands faster as float32" : null;
    }

    /// <summary>The width of the portable kernels that go with a choice: itself, or beside emitted code the widest accelerated one that is
    /// no wider.</summary>
    public static CpuIsa Width(CpuIsa isa) => isa switch
    {
        CpuIsa.Avx512 or CpuIsa.Avx512Bf16 => Widths.First(IsAdvised),
        CpuIsa.Avx2 => Widths.First(width => width != CpuIsa.Vector512 && IsAdvised(width)),
        _ => isa,
    };

    /// <summary>The choice that <see cref="Variable"/> names, else the first advised one.</summary>
    /// <exception cref="ArgumentException">The variable names none, or one that this machine cannot run.</exception>
    public static CpuIsa Choose() => Choose(Environment.GetEnvironmentVariable(Variable));

    /// <inheritdoc cref="Choose()"/>
    public static CpuIsa Choose(string? name) => Choose(name, EmittedCode.Machine);

    /// <inheritdoc cref="Choose()"/>
    internal static CpuIsa Choose(string? name, EmittedCode code)
    {
        if (string.IsNullOrWhiteSpace(name)) return All.First(isa => IsAdvised(isa, code));
        foreach (CpuIsa isa in All)
        {
            if (Name(isa) != name) continue;
            if (code.Obstacle(isa) is not { } obstacle) return isa;
            string usable = string.Join(", ", All.Where(i => code.Obstacle(i) is null).Select(Name));
            throw new ArgumentException($"{Variable} is '{name}', which cannot run here: {obstacle}. Expected one of {usable}.");
        }
        throw new ArgumentException($"{Variable} is '{name}', expected one of {string.Join(", ", All.Select(Name))}.");
    }

    /// <summary>The name that <see cref="Variable"/> takes.</summary>
    public static string Name(CpuIsa isa) => isa switch
    {
        CpuIsa.Avx512Bf16 => "avx512-bf16",
        CpuIsa.Avx512 => "avx512",
        CpuIsa.Avx2 => "avx2",
        CpuIsa.Vector512 => "vector512",
        CpuIsa.Vector256 => "vector256",
        CpuIsa.Vector128 => "vector128",
        _ => "scalar",
    };
}
