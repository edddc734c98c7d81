using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>
/// What the processor, the system and the runtime together allow emitted code to use. On the just-in-time compiler the runtime's word
/// counts (its DOTNET_Enable… settings switch sets off); code compiled ahead of time knows only what it was compiled for, so there the
/// processor is asked (CPUID), and which registers the system saves (XGETBV).
/// </summary>
static unsafe class Processor
{
    // XCR0 bits: SSE and AVX state; mask registers and both halves of the 512-bit state.
    const ulong AvxState = 0x6, Avx512State = 0xE6;

    static readonly Found Machine = Find();

    /// <summary>Why emitted code of a kind cannot run here; null where it can.</summary>
    public static string? Obstacle(CpuIsa isa) => isa switch
    {
        CpuIsa.Avx2 => Machine.Avx2Obstacle,
        CpuIsa.Avx512 => Machine.Avx512Obstacle,
        CpuIsa.Avx512Bf16 => Machine.Bf16Obstacle,
        _ => null,
    };

    /// <summary>Whether the processor has AVX-512-VNNI, dot products of bytes.</summary>
    public static bool HasVnni => Machine.Avx512Obstacle is null && Bit(Leaf(7, 0).Ecx, 11);

    /// <summary>Whether the processor has AVX-VNNI, the same in 256 bits without AVX-512.</summary>
    public static bool HasAvxVnni => Machine.Avx2Obstacle is null && Bit(Leaf(7, 1).Eax, 4);

    /// <summary>
    /// Whether a dot product of bfloat16 pairs takes at most twice the time of a float32 multiply-add, so that products are faster with it. AMD's
    /// processors (measured: Zen 4, Zen 5) take the same time for both, and Cooper Lake, Intel's first, is taken to; later ones of Intel (measured:
    /// Emerald Rapids) take four times as long.
    /// </summary>
    public static bool HasFastBf16 => Machine.Bf16Obstacle is null && !IsIntelAfterCooperLake();

    /// <summary>
    /// Whether a core hands out eight instructions a cycle and foresees contiguous lines by itself, as AMD's do from Zen 5 (family 26) on. Half of
    /// eight is what a thread keeps where the core's other one is busy, and more than a tile needs; what saves instructions or asks for contiguous
    /// lines elsewhere costs loads here.
    /// </summary>
    public static bool IsZen5OrLater { get; } = X86Base.IsSupported && IsAmdFrom(family: 26);

    static Found Find()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64) return new($"the processor is {RuntimeInformation.ProcessArchitecture}, not x86-64");
        if (!X86Base.IsSupported) return new("the runtime's hardware intrinsics are switched off");
        // The runtime's own word on a set covers the registers.
        ulong? states = RuntimeFeature.IsDynamicCodeCompiled ? ulong.MaxValue : SavedStates();
        if (states is null) return new("the system refuses executable memory");
        string? avx2 = Avx2Obstacle(states.Value);
        string? avx512 = avx2 ?? Avx512Obstacle(states.Value);
        string? bf16 = avx512 ?? (Bit(Leaf(7, 1).Eax, 5) ? null : "the processor has no AVX-512-BF16");
        return new(avx2, avx512, bf16);
    }

    static string? Avx2Obstacle(ulong states)
    {
        if (RuntimeFeature.IsDynamicCodeCompiled)
            return Avx2.IsSupported && Fma.IsSupported ? null : "the runtime offers no AVX2 and FMA (processor, or DOTNET_EnableAVX2=0)";
        if (!Bit(Leaf(1, 0).Ecx, 12) || !Bit(Leaf(7, 0).Ebx, 5)) return "the processor has no AVX2 and FMA";
        return (states & AvxState) == AvxState ? null : "the system does not save AVX registers";
    }

    static string? Avx512Obstacle(ulong states)
    {
        if (RuntimeFeature.IsDynamicCodeCompiled)
            return Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported ? null
                : "the runtime offers no AVX-512 (processor, or DOTNET_EnableAVX512=0)";
        int ebx = Leaf(7, 0).Ebx;
        if (!Bit(ebx, 16) || !Bit(ebx, 17) || !Bit(ebx, 30) || !Bit(ebx, 31)) return "the processor has no AVX-512 (F, DQ, BW, VL)";
        return (states & Avx512State) == Avx512State ? null : "the system does not save AVX-512 registers";
    }

    /// <summary>XCR0: the register states that the system saves; null where the code that reads it cannot be loaded.</summary>
    static ulong? SavedStates()
    {
        if (!Bit(Leaf(1, 0).Ecx, 27)) return 0; // No OSXSAVE: the instruction does not exist.
        var code = new Assembler(64);
        code.xor(ecx, ecx);
        code.xgetbv();
        code.ret();
        var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), 0);
        nint address = ExecutableMemory.Load(stream.ToArray());
        return address == 0 ? null : ((delegate* unmanaged[SuppressGCTransition]<uint>)address)();
    }

    static bool IsAmdFrom(int family)
    {
        const int amd = 0x6874_7541, extended = 15; // "Auth" of AuthenticAMD; from this family on a second field is added.
        int signature = Leaf(1, 0).Eax, first = signature >> 8 & 0xF;
        return Leaf(0, 0).Ebx == amd && first == extended && first + (signature >> 20 & 0xFF) >= family;
    }

    static bool IsIntelAfterCooperLake()
    {
        const int intel = 0x756E_6547, cooperLake = 85; // "Genu" of GenuineIntel; the model of family 6.
        int signature = Leaf(1, 0).Eax, model = (signature >> 4 & 0xF) | (signature >> 12 & 0xF0);
        return Leaf(0, 0).Ebx == intel && model != cooperLake;
    }

    /// <summary>What CPUID answers; zeros where there is no such function.</summary>
    public static (int Eax, int Ebx, int Ecx, int Edx) Leaf(int function, int sub) =>
        X86Base.IsSupported && (uint)X86Base.CpuId(function & unchecked((int)0x80000000), 0).Eax >= (uint)function ? X86Base.CpuId(function, sub) : default;

    static bool Bit(int register, int bit) => (register >> bit & 1) != 0;

    sealed record Found(string? Avx2Obstacle, string? Avx512Obstacle, string? Bf16Obstacle)
    {
        public Found(string obstacle) : this(obstacle, obstacle, obstacle)
        {
        }
    }
}
