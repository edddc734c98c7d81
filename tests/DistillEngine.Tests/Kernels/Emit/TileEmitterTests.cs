using DistillEngine.Kernels;
using Iced.Intel;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

/// <summary>What the emitter writes, read back; so these run on every processor.</summary>
public class TileEmitterTests
{
    // Whole rows: overwritten, added to, written past the caches; masked ones: the first two.
    const int Ends = 5;

    static readonly CpuidFeature[] Common = [CpuidFeature.INTEL8086, CpuidFeature.INTEL386, CpuidFeature.X64, CpuidFeature.PREFETCHW, CpuidFeature.AVX];

    static TileFormat FormatOf(CpuIsa isa) => isa switch
    {
        CpuIsa.Avx2 => TileFormat.Avx2,
        CpuIsa.Avx512 => TileFormat.Avx512,
        _ => TileFormat.Avx512Bf16,
    };

    public static TheoryData<CpuIsa, bool> Formats =>
        [.. from isa in new[] { CpuIsa.Avx2, CpuIsa.Avx512, CpuIsa.Avx512Bf16 } from windows in new[] { false, true } select (isa, windows)];

    static IEnumerable<Instruction[]> Tiles(CpuIsa isa, bool windows)
    {
        TileFormat format = FormatOf(isa);
        foreach (bool broadcasts in new[] { false, format.HasMaskRegisters }.Distinct())
            foreach (Code ask in new[] { Code.Prefetcht0_m8, Code.Prefetcht1_m8 })
                foreach (Instruction[] tile in Tiles(format with { BroadcastsOperands = broadcasts, Ask = ask }, windows)) yield return tile;
    }

    static IEnumerable<Instruction[]> Tiles(TileFormat format, bool windows)
    {
        for (int rows = 1; rows <= format.Rows; rows++)
            for (int vectors = 1; vectors <= TileFormat.Vectors; vectors++)
                yield return [.. Decode(TileEmitter.Emit(format, rows, vectors, windows))];
    }

    static IEnumerable<Instruction> Decode(byte[] code)
    {
        var decoder = Decoder.Create(64, code);
        while (decoder.IP < (ulong)code.Length) yield return decoder.Decode();
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Emit_EveryTile_UsesInstructionsOfItsIsaOnly(CpuIsa isa, bool windows)
    {
        CpuidFeature[] own = isa switch
        {
            CpuIsa.Avx2 => [CpuidFeature.AVX2, CpuidFeature.FMA],
            CpuIsa.Avx512 => [CpuidFeature.AVX512F],
            _ => [CpuidFeature.AVX512F, CpuidFeature.AVX512_BF16],
        };
        foreach (Instruction[] tile in Tiles(isa, windows))
            foreach (Instruction instruction in tile)
                foreach (CpuidFeature feature in instruction.CpuidFeatures)
                    // Prefetches count as SSE, which every x86-64 processor has.
                    Assert.True(instruction.Code is Code.Prefetcht0_m8 or Code.Prefetcht1_m8 || Common.Contains(feature) || own.Contains(feature), $"{instruction} needs {feature}");
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Emit_EveryTile_ChangesNoRegisterOfTheCaller(CpuIsa isa, bool windows)
    {
        Register[] free = [Register.RAX, Register.RCX, Register.RDX, Register.R8, Register.R9, Register.R10, Register.R11, Register.RSP];
        Register[] saved = [Register.RSI, Register.RDI];
        var factory = new InstructionInfoFactory();
        foreach (Instruction[] tile in Tiles(isa, windows))
        {
            // They are saved before anything else but the argument moves, and restored in the other order at each end.
            Assert.Equal(saved, tile.Skip(1).TakeWhile(i => i.Code == Code.Push_r64).Select(i => i.Op0Register));
            Assert.Equal(saved.Length, tile.Count(i => i.Code == Code.Push_r64));
            Assert.Equal(Enumerable.Repeat(saved.Reverse(), Ends).SelectMany(ends => ends), tile.Where(i => i.Code == Code.Pop_r64).Select(i => i.Op0Register));
            foreach (Instruction instruction in tile)
                foreach (UsedRegister used in factory.GetInfo(instruction).GetUsedRegisters())
                    if (used.Register.IsGPR() && used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite)
                        Assert.Contains(used.Register.GetFullRegister(), free.Concat(saved));
            if (!windows) continue;
            // On Windows registers 6 to 15 are saved once and restored at each end.
            for (Register vector = Register.XMM6; vector <= Register.XMM15; vector++)
            {
                Assert.Single(tile, i => i.Code == Code.VEX_Vmovups_xmmm128_xmm && i.Op1Register == vector);
                Assert.Equal(Ends, tile.Count(i => i.Code == Code.VEX_Vmovups_xmm_xmmm128 && i.Op0Register == vector));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Emit_APeakRoutine_RepeatsOneInstructionAndChangesNoRegisterOfTheCaller(bool windows)
    {
        var factory = new InstructionInfoFactory();
        Instruction[] routine = [.. Decode(PeakRoutines.Emit(Code.EVEX_Vdpbf16ps_zmm_k1z_zmm_zmmm512b32, 1, windows))];
        Instruction[] sums = [.. routine.Where(i => i.Code == Code.EVEX_Vdpbf16ps_zmm_k1z_zmm_zmmm512b32)];
        Assert.Equal(PeakRoutines.Sums512, sums.Select(i => i.Op0Register).Distinct().Count());
        Assert.Equal(PeakRoutines.Sums512, sums.Length);
        foreach (Instruction instruction in routine)
            foreach (UsedRegister used in factory.GetInfo(instruction).GetUsedRegisters())
            {
                if (used.Access is not (OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite)) continue;
                if (used.Register.IsGPR()) Assert.Contains(used.Register.GetFullRegister(), new[] { Register.RAX, Register.RCX, Register.RSP });
                // vzeroupper keeps the lower halves, which are all that Windows wants back.
                else if (used.Register.IsVectorRegister() && instruction.Code != Code.VEX_Vzeroupper)
                    Assert.False(used.Register.GetNumber() is >= 6 and <= 15, instruction.ToString());
            }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void EmitBytes256_WithAndWithoutDotProducts_SumsEachRegisterOnceAndSavesWhatWindowsKeeps(bool hasDot, bool windows)
    {
        Instruction[] routine = [.. Decode(PeakRoutines.EmitBytes256(hasDot, windows))];
        Code[] step = hasDot ? [Code.VEX_Vpdpbusd_ymm_ymm_ymmm256]
            : [Code.VEX_Vpmaddubsw_ymm_ymm_ymmm256, Code.VEX_Vpmaddwd_ymm_ymm_ymmm256, Code.VEX_Vpaddd_ymm_ymm_ymmm256];
        Instruction[] round = [.. routine.Where(i => step.Contains(i.Code))];
        Assert.Equal(Enumerable.Repeat(step, PeakRoutines.Sums256).SelectMany(codes => codes), round.Select(i => i.Code));
        Assert.Equal(PeakRoutines.Sums256, round.Where(i => i.Code == step[^1]).Select(i => i.Op0Register).Distinct().Count());
        Assert.Equal(windows ? 10 : 0, routine.Count(i => i.Code == Code.VEX_Vmovups_xmmm128_xmm));
        Assert.Equal(windows ? 10 : 0, routine.Count(i => i.Code == Code.VEX_Vmovups_xmm_xmmm128));
    }
}
