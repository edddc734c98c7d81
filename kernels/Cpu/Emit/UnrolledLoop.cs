using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>Writes a loop over as many steps as rcx holds: several at a time, then what remains one by one. It leaves rcx at 0 and uses no
/// other register.</summary>
static class UnrolledLoop
{
    /// <param name="steps">Steps of an iteration of the first part.</param>
    /// <param name="emitUnrolled">Step i of such an iteration, operands of i steps on.</param>
    /// <param name="emitSingle">A step that remains.</param>
    /// <param name="emitAdvance">Moves the operands so many steps on.</param>
    public static void Emit(Assembler code, int steps, Action<int> emitUnrolled, Action emitSingle, Action<int> emitAdvance)
    {
        Label whole = code.CreateLabel(), rest = code.CreateLabel(), one = code.CreateLabel(), done = code.CreateLabel();
        code.sub(rcx, steps);
        code.jl(rest);
        code.Label(ref whole);
        for (int step = 0; step < steps; step++) emitUnrolled(step);
        emitAdvance(steps);
        code.sub(rcx, steps);
        code.jge(whole);
        code.Label(ref rest);
        code.add(rcx, steps);
        code.jz(done);
        code.Label(ref one);
        emitSingle();
        emitAdvance(1);
        code.dec(rcx);
        code.jnz(one);
        code.Label(ref done);
    }
}
