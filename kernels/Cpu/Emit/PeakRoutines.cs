using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>
/// Loops of one 512-bit instruction, sum += left · right: what the processor does when nothing but its arithmetic units limits it. Written
/// like the emitted tiles, since the runtime has no such dot products and code compiled ahead of time is narrower. Each is a function of
/// the number of rounds; a round is <see cref="Sums"/> instructions. Zero stands for one that cannot run.
/// </summary>
public static class PeakRoutines
{
    /// <summary>Independent sums, which are more than two units times their latency on any processor.</summary>
    public const int Sums = 20;

    // 2⁻⁶ in float32 and twice in bfloat16, and bytes of 1: sums stay finite, and for int32 in range, over some million rounds.
    const uint Single = 0x3C80_0000, Bf16Pair = 0x3C80_3C80, Bytes = 0x0101_0101;

    static readonly Lazy<nint> Fp32Loop = new(() => Load(Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er, Single));
    static readonly Lazy<nint> Bf16Loop = new(() => Load(Code.EVEX_Vdpbf16ps_zmm_k1z_zmm_zmmm512b32, Bf16Pair));
    static readonly Lazy<nint> Int8Loop = new(() => Load(Code.EVEX_Vpdpbusd_zmm_k1z_zmm_zmmm512b32, Bytes));

    /// <summary>16 float32 multiply-adds an instruction.</summary>
    public static nint Fp32(CpuIsa isa) => isa is CpuIsa.Avx512 or CpuIsa.Avx512Bf16 && CpuIsas.Obstacle(isa) is null ? Fp32Loop.Value : 0;

    /// <summary>16 dot products of bfloat16 pairs an instruction.</summary>
    public static nint Bf16(CpuIsa isa) => Fp32(isa) != 0 && CpuIsas.Obstacle(CpuIsa.Avx512Bf16) is null ? Bf16Loop.Value : 0;

    /// <summary>16 dot products of four bytes an instruction.</summary>
    public static nint Int8(CpuIsa isa) => Fp32(isa) != 0 && Processor.HasVnni ? Int8Loop.Value : 0;

    static nint Load(Code instruction, uint factor) => ExecutableMemory.Load(Emit(instruction, factor, OperatingSystem.IsWindows()));

    /// <param name="instruction">Three 512-bit registers, the first of which is added to.</param>
    /// <param name="factor">Each lane of both factors.</param>
    /// <param name="windows">Whether the caller follows the convention of Windows.</param>
    internal static byte[] Emit(Code instruction, uint factor, bool windows)
    {
        // Registers 0 to 5 and 16 to 31 are free to change under the conventions of every system.
        Register left = Register.ZMM4, right = Register.ZMM5;
        Register[] sums = [.. Enumerable.Range(0, 4).Select(i => Register.ZMM0 + i), .. Enumerable.Range(16, Sums - 4).Select(i => Register.ZMM0 + i)];
        var code = new Assembler(64);
        Label round = code.CreateLabel();
        code.mov(rax, windows ? rcx : rdi);
        code.mov(ecx, factor);
        code.vmovd(xmm4, ecx);
        code.AddInstruction(Instruction.Create(Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32, left, Register.XMM4));
        code.vmovdqa32(zmm5, zmm4);
        foreach (Register sum in sums) code.AddInstruction(Instruction.Create(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, sum, sum, sum));
        code.Label(ref round);
        foreach (Register sum in sums) code.AddInstruction(Instruction.Create(instruction, sum, left, right));
        code.dec(rax);
        code.jnz(round);
        code.vzeroupper();
        code.ret();
        var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }
}
