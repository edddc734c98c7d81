using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>Writes what keeps XMM6 to XMM15, the lower halves of vector registers 6 to 15, which belong to the caller on Windows.</summary>
/// <remarks>Source: Microsoft, x64 calling convention, "Caller/callee saved registers".</remarks>
static class SavedVectors
{
    const int First = 6, Count = 10, Bytes = 16;

    /// <summary>Puts them on the stack.</summary>
    public static void Save(Assembler code)
    {
        code.sub(rsp, Count * Bytes);
        for (int i = 0; i < Count; i++) code.AddInstruction(Instruction.Create(Code.VEX_Vmovups_xmmm128_xmm, Place(i), Vector(i)));
    }

    /// <summary>Takes them back; the stack pointer must be where <see cref="Save"/> left it.</summary>
    public static void Restore(Assembler code)
    {
        for (int i = 0; i < Count; i++) code.AddInstruction(Instruction.Create(Code.VEX_Vmovups_xmm_xmmm128, Vector(i), Place(i)));
        code.add(rsp, Count * Bytes);
    }

    static Register Vector(int index) => Register.XMM0 + (First + index);

    static MemoryOperand Place(int index) => new(Register.RSP, index * Bytes);
}
