using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>
/// Writes the routines that round float32 to bfloat16 on the way into panels, with the processor's own conversion of two vectors to one,
/// to nearest and ties to even; numbers below the normal range become zero. Each takes a pointer to a <see cref="PackCall"/>; lanes that its
/// masks leave out are neither read nor written.
/// </summary>
static class Bf16PackEmitter
{
    const Register Call = Register.RAX, Source = Register.R8, Target = Register.R9, Stride = Register.R10, TargetStride = Register.RDX, Later = Register.R11;

    const int VectorBytes = 64, Lanes = 16, RowPanelVectors = 3;

    /// <summary>A round is a line of four vectors: pairs that follow each other become a word, four vectors two. Lanes left out give zeros.</summary>
    public static byte[] EmitLines(bool windows) => Emit(windows, code =>
    {
        for (int half = 0; half < 2; half++)
        {
            Load(code, Register.ZMM0, Source, 2 * half, Register.K1 + 2 * half);
            Load(code, Register.ZMM1, Source, 2 * half + 1, Register.K2 + 2 * half);
            code.AddInstruction(Instruction.Create(Code.EVEX_Vcvtne2ps2bf16_zmm_k1z_zmm_zmmm512b32, Register.ZMM2, Register.ZMM1, Register.ZMM0));
            code.AddInstruction(Instruction.Create(Code.EVEX_Vmovups_zmmm512_k1z_zmm, new MemoryOperand(Target, half * VectorBytes), Register.ZMM2));
        }
        code.add(r8, r10);
    });

    /// <summary>A round is two steps of the contracted axis, one or two vectors wide; a word takes one number of each.</summary>
    /// <param name="vectors">1 or 2.</param>
    public static byte[] EmitSteps(int vectors, bool windows) => Emit(windows, code =>
    {
        code.lea(r11, __[r8 + r10]);
        for (int v = 0; v < vectors; v++)
        {
            Pairs(code, v, Register.ZMM2);
            Instruction store = Instruction.Create(Code.EVEX_Vmovups_zmmm512_k1z_zmm, new MemoryOperand(Target, v * VectorBytes), Register.ZMM2);
            store.OpMask = Register.K1 + v;
            code.AddInstruction(store);
        }
        code.lea(r8, __[r11 + r10]);
    });

    /// <summary>A round is two steps of the contracted axis, three vectors wide, cut into four panels of 12 words. Behind the words of a panel a
    /// round writes four that belong to the next round.</summary>
    public static byte[] EmitRowPanels(bool windows) => Emit(windows, code =>
    {
        code.lea(r11, __[r8 + r10]);
        for (int v = 0; v < RowPanelVectors; v++) Pairs(code, v, Register.ZMM2 + v);
        code.lea(r8, __[r11 + r10]);
        code.lea(r11, __[r9 + rax]);
        code.vmovups(__[r9], zmm2);
        for (int panel = 1; panel <= RowPanelVectors; panel++)
        {
            Register last = Register.ZMM2 + Math.Min(panel, RowPanelVectors - 1), first = Register.ZMM2 + (panel - 1);
            code.AddInstruction(Instruction.Create(Code.EVEX_Valignd_zmm_k1z_zmm_zmmm512b32_imm8, Register.ZMM0, last, first, Lanes - 4 * panel));
            if (panel == 1) code.vmovups(__[r11], zmm0);
            else if (panel == 2) code.vmovups(__[r9 + rax * 2], zmm0);
            else code.vmovups(__[r11 + rax * 2], zmm0);
        }
    }, Register.RAX);

    /// <summary>One vector of this step and of the next as words.</summary>
    static void Pairs(Assembler code, int v, Register words)
    {
        Load(code, Register.ZMM0, Source, v, Register.K1 + v);
        Load(code, Register.ZMM1, Later, v, Register.K1 + v);
        code.AddInstruction(Instruction.Create(Code.EVEX_Vcvtne2ps2bf16_zmm_k1z_zmm_zmmm512b32, words, Register.ZMM1, Register.ZMM0));
        code.AddInstruction(Instruction.Create(Code.EVEX_Vpermw_zmm_k1z_zmm_zmmm512, words, Register.ZMM5, words));
    }

    static void Load(Assembler code, Register vector, Register from, int index, Register mask)
    {
        Instruction load = Instruction.Create(Code.EVEX_Vmovups_zmm_k1z_zmmm512, vector, new MemoryOperand(from, index * VectorBytes));
        load.OpMask = mask;
        load.ZeroingMasking = true;
        code.AddInstruction(load);
    }

    /// <param name="panelStride">Where the round expects it; the call's own register is free by then.</param>
    static byte[] Emit(bool windows, Action<Assembler> emitRound, Register panelStride = Register.None)
    {
        var code = new Assembler(64);
        Label round = code.CreateLabel(), order = code.CreateLabel();
        code.mov(rax, windows ? rcx : rdi);
        LoadArgument(code, Source, PackCall.AtSource);
        LoadArgument(code, Stride, PackCall.AtStrideBytes);
        LoadArgument(code, Target, PackCall.AtTarget);
        LoadArgument(code, TargetStride, PackCall.AtTargetStrideBytes);
        for (int v = 0; v < PackCall.Vectors; v++)
            code.AddInstruction(Instruction.Create(Code.VEX_Kmovw_kr_km16, Register.K1 + v, new MemoryOperand(Call, PackCall.AtMasks + v * sizeof(ushort))));
        LoadArgument(code, Register.RCX, PackCall.AtCount);
        if (panelStride != Register.None) LoadArgument(code, panelStride, PackCall.AtPanelStrideBytes);
        code.vmovdqu16(zmm5, __[order]);
        code.Label(ref round);
        emitRound(code);
        code.add(r9, rdx);
        code.dec(rcx);
        code.jnz(round);
        code.vzeroupper();
        code.ret();
        // The conversion puts one vector behind the other; a word takes turns.
        code.Label(ref order);
        for (int i = 0; i < 2 * Lanes; i++) code.dw((ushort)(i / 2 + i % 2 * Lanes));
        var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    static void LoadArgument(Assembler code, Register register, int field) =>
        code.AddInstruction(Instruction.Create(Code.Mov_r64_rm64, register, new MemoryOperand(Call, field)));
}
