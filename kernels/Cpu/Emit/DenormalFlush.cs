using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>
/// Has a thread take denormals (numbers below 1.2e-38) as zero and give zero instead of them (MXCSR's FTZ and DAZ), as the threads of TensorFlow
/// and XLA do. Intel's processors leave their fast path at each such number: with them the gradient of a loss over 32,128 words, most of which have a
/// probability of almost nothing, takes 45 times as long (Emerald Rapids). The runtime has no access to this register, so the code is emitted.
/// Without it, or on other processors, numbers stay as they are.
/// </summary>
/// <remarks>What the just-in-time compiler compiles meanwhile on this thread must hold no denormal constants: it would write zeros for them.</remarks>
static unsafe class DenormalFlush
{
    const int Flags = 0x8040; // Flush to zero, denormals are zeros.

    static readonly nint BeginCode = Load(EmitBegin), EndCode = Load(EmitEnd);

    /// <summary>Whether <see cref="Begin"/> has an effect.</summary>
    public static bool IsSupported => BeginCode != 0 && EndCode != 0;

    /// <returns>The state of the thread before, for <see cref="End"/>.</returns>
    public static uint Begin() => IsSupported ? ((delegate* unmanaged[SuppressGCTransition]<uint>)BeginCode)() : 0;

    /// <param name="state">What <see cref="Begin"/> returned on this thread.</param>
    public static void End(uint state)
    {
        if (IsSupported) ((delegate* unmanaged[SuppressGCTransition]<uint, void>)EndCode)(state);
    }

    static nint Load(Action<Assembler> emit)
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64) return 0;
        var code = new Assembler(64);
        emit(code);
        var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), 0);
        return ExecutableMemory.Load(stream.ToArray());
    }

    static void EmitBegin(Assembler code)
    {
        code.push(rax);
        code.stmxcsr(__dword_ptr[rsp]);
        code.mov(eax, __dword_ptr[rsp]);
        code.or(__dword_ptr[rsp], Flags);
        code.ldmxcsr(__dword_ptr[rsp]);
        code.pop(rcx);
        code.ret();
    }

    static void EmitEnd(Assembler code)
    {
        code.push(OperatingSystem.IsWindows() ? rcx : rdi);
        code.ldmxcsr(__dword_ptr[rsp]);
        code.pop(rcx);
        code.ret();
    }
}
