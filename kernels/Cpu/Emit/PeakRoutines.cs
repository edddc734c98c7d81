using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>
/// Loops of one instruction, sum += left · right, or of the few that take its place: what the processor does when nothing but its arithmetic units limits it.
/// Written like the emitted tiles, since the runtime has no such dot products and code compiled ahead of time is narrower. Each is a function of
/// the number of rounds.
/// </summary>
public static class PeakRoutines
{
    // 2⁻⁶ in float32 and twice in bfloat16, and bytes of 1: sums stay finite, and for int32 in range, over some million rounds.
    const uint Single = 0x3C80_0000, Bf16Pair = 0x3C80_3C80, Bytes = 0x0101_0101;

    // Independent sums, which are more than two units times their latency on any processor: of 512 bits in registers that are free to change under the
    // conventions of every system, and as many as leave four of the sixteen registers of AVX2.
    internal const int Sums512 = 20, Sums256 = 12;

    static readonly Lazy<nint> Fp32Loop = new(() => Load(Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er, Single));
    static readonly Lazy<nint> Bf16Loop = new(() => Load(Code.EVEX_Vdpbf16ps_zmm_k1z_zmm_zmmm512b32, Bf16Pair));
    static readonly Lazy<nint> Int8Loop = new(() => Load(Code.EVEX_Vpdpbusd_zmm_k1z_zmm_zmmm512b32, Bytes));
    static readonly Lazy<nint> NarrowDotLoop = new(() => ExecutableMemory.Load(EmitBytes256(hasDot: true, OperatingSystem.IsWindows())));
    static readonly Lazy<nint> NarrowPairsLoop = new(() => ExecutableMemory.Load(EmitBytes256(hasDot: false, OperatingSystem.IsWindows())));

    /// <summary>16 float32 multiply-adds an instruction.</summary>
    public static PeakRoutine? Fp32(CpuIsa isa) => isa is CpuIsa.Avx512 or CpuIsa.Avx512Bf16 && CpuIsas.Obstacle(isa) is null
        ? PeakRoutine.At(Fp32Loop.Value, 16 * Sums512) : null;

    /// <summary>16 dot products of bfloat16 pairs an instruction.</summary>
    public static PeakRoutine? Bf16(CpuIsa isa) => Fp32(isa) is not null && CpuIsas.Obstacle(CpuIsa.Avx512Bf16) is null
        ? PeakRoutine.At(Bf16Loop.Value, 32 * Sums512) : null;

    /// <summary>16 dot products of four bytes an instruction; of eight, or in three instructions that give the same, where products with int8 weights are
    /// those of AVX2.</summary>
    public static PeakRoutine? Int8(CpuIsa isa) => Fp32(isa) is not null && Processor.HasVnni ? PeakRoutine.At(Int8Loop.Value, 64 * Sums512)
        : Int8OfAvx2(isa, Processor.HasAvxVnni);

    /// <summary>The loop of an AVX2 processor, or of one with AVX-VNNI.</summary>
    internal static PeakRoutine? Int8OfAvx2(CpuIsa isa, bool hasDot) => !CpuIsas.IsEmitted(isa) || CpuIsas.Obstacle(isa) is not null ? null
        : PeakRoutine.At((hasDot ? NarrowDotLoop : NarrowPairsLoop).Value, 32 * Sums256);

    static nint Load(Code instruction, uint factor) => ExecutableMemory.Load(Emit(instruction, factor, OperatingSystem.IsWindows()));

    /// <param name="instruction">Three 512-bit registers, the first of which is added to.</param>
    /// <param name="factor">Each lane of both factors.</param>
    /// <param name="windows">Whether the caller follows the convention of Windows.</param>
    internal static byte[] Emit(Code instruction, uint factor, bool windows)
    {
        Register left = Register.ZMM4, right = Register.ZMM5;
        Register[] sums = [.. Enumerable.Range(0, 4).Select(i => Register.ZMM0 + i), .. Enumerable.Range(16, Sums512 - 4).Select(i => Register.ZMM0 + i)];
        var code = new Assembler(64);
        code.mov(rax, windows ? rcx : rdi);
        Fill(code, left, factor, Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32);
        Fill(code, right, factor, Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32);
        foreach (Register sum in sums) code.AddInstruction(Instruction.Create(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, sum, sum, sum));
        EmitRounds(code, sums, sum => code.AddInstruction(Instruction.Create(instruction, sum, left, right)));
        code.vzeroupper();
        code.ret();
        return Assemble(code);
    }

    /// <summary>Dot products of four bytes in 256 bits.</summary>
    /// <param name="hasDot">Whether one instruction gives them (AVX-VNNI); else products of bytes are summed by pairs, pairs by twos, and then added.</param>
    /// <param name="windows">As in <see cref="Emit"/>.</param>
    internal static byte[] EmitBytes256(bool hasDot, bool windows)
    {
        const uint wordsOfOne = 0x0001_0001;
        Register left = Register.YMM12, right = Register.YMM13, ones = Register.YMM14, pairs = Register.YMM15;
        Register[] sums = [.. Enumerable.Range(0, Sums256).Select(i => Register.YMM0 + i)];
        var code = new Assembler(64);
        code.mov(rax, windows ? rcx : rdi);
        if (windows) SavedVectors.Save(code);
        Fill(code, left, Bytes, Code.VEX_Vpbroadcastd_ymm_xmmm32);
        Fill(code, right, Bytes, Code.VEX_Vpbroadcastd_ymm_xmmm32);
        Fill(code, ones, wordsOfOne, Code.VEX_Vpbroadcastd_ymm_xmmm32);
        foreach (Register sum in sums) code.AddInstruction(Instruction.Create(Code.VEX_Vpxor_ymm_ymm_ymmm256, sum, sum, sum));
        EmitRounds(code, sums, sum =>
        {
            if (hasDot)
            {
                code.AddInstruction(Instruction.Create(Code.VEX_Vpdpbusd_ymm_ymm_ymmm256, sum, left, right));
                return;
            }
            code.AddInstruction(Instruction.Create(Code.VEX_Vpmaddubsw_ymm_ymm_ymmm256, pairs, left, right));
            code.AddInstruction(Instruction.Create(Code.VEX_Vpmaddwd_ymm_ymm_ymmm256, pairs, pairs, ones));
            code.AddInstruction(Instruction.Create(Code.VEX_Vpaddd_ymm_ymm_ymmm256, sum, sum, pairs));
        });
        code.vzeroupper();
        if (windows) SavedVectors.Restore(code);
        code.ret();
        return Assemble(code);
    }

    /// <summary>Every lane of a register, by way of ecx.</summary>
    static void Fill(Assembler code, Register register, uint value, Code broadcast)
    {
        code.mov(ecx, value);
        code.vmovd(xmm4, ecx);
        code.AddInstruction(Instruction.Create(broadcast, register, Register.XMM4));
    }

    /// <summary>As many rounds as rax holds.</summary>
    static void EmitRounds(Assembler code, Register[] sums, Action<Register> emitStep)
    {
        Label round = code.CreateLabel();
        code.Label(ref round);
        foreach (Register sum in sums) emitStep(sum);
        code.dec(rax);
        code.jnz(round);
    }

    static byte[] Assemble(Assembler code)
    {
        var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }
}
