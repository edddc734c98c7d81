using System.Reflection;
using ILGPU.Backends;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using Regex = System.Text.RegularExpressions.Regex;

namespace DistillEngine.Kernels;

/// <summary>
/// Corrects the device code that ILGPU 1.5.3 generates before a driver sees it. ILGPU offers no hook for this, so the text is replaced by
/// reflection; a version with other fields fails at the first kernel.
/// </summary>
static class KernelSource
{
    static readonly FieldInfo OpenClText = FieldOf(typeof(CLCompiledKernel), "<Source>k__BackingField");
    static readonly FieldInfo PtxText = FieldOf(typeof(PTXCompiledKernel), "<PTXAssembly>k__BackingField");

    /// <summary>The text that a driver gets; empty on the emulator, which runs the C# itself.</summary>
    public static string TextOf(CompiledKernel kernel) => kernel switch
    {
        PTXCompiledKernel ptx => ptx.PTXAssembly,
        CLCompiledKernel openCl => openCl.Source,
        _ => "",
    };

    /// <summary>Corrects a kernel that was just compiled. ILGPU keeps compiled kernels, so each is corrected once.</summary>
    /// <param name="hasGenericPointers">Whether the OpenCL device has the generic address space that ILGPU's code assumes.</param>
    /// <param name="architecture">The CUDA device's; null on others.</param>
    public static void Correct(CompiledKernel kernel, bool hasGenericPointers, CudaArchitecture? architecture)
    {
        if (kernel is PTXCompiledKernel ptx) PtxText.SetValue(ptx, CorrectPtx(Retarget(ptx.PTXAssembly, architecture)));
        if (kernel is CLCompiledKernel openCl) OpenClText.SetValue(openCl, CorrectOpenCl(openCl.Source, hasGenericPointers));
    }

    // ILGPU names sm_80 for all that came after it. sm_90 is the newest that every driver of such a device translates.
    static string Retarget(string text, CudaArchitecture? architecture) =>
        architecture >= CudaArchitecture.SM_90 ? text.Replace(".target sm_80", ".target sm_90", StringComparison.Ordinal) : text;

    // At level O2 ILGPU marks every branch uniform, divergent ones too: threads that part would then never be brought together again.
    static string CorrectPtx(string text) => NameSharedMemory(LocalSlots.InRegisters(text.Replace("bra.uni", "bra", StringComparison.Ordinal)
        .Replace("brx.idx.uni", "brx.idx", StringComparison.Ordinal).Replace("ret.uni", "ret", StringComparison.Ordinal)));

    /// <summary>Gives inline code the name of the kernel's one shared allocation, aligned for rows of matrices.</summary>
    static string NameSharedMemory(string text)
    {
        if (!text.Contains(CudaShared.Placeholder, StringComparison.Ordinal)) return text;
        const string Declaration = @"\.shared \.align \d+ \.b8 (\w+)\[";
        string name = Regex.Matches(text, Declaration) is [var only] ? only.Groups[1].Value
            : throw new InvalidOperationException("A kernel that names its shared memory in inline code must have one allocation of it.");
        return Regex.Replace(text, Declaration, ".shared .align 128 .b8 $1[").Replace(CudaShared.Placeholder, name, StringComparison.Ordinal);
    }

    static string CorrectOpenCl(string text, bool hasGenericPointers)
    {
        const string Head = "// corrected\n";
        if (text.StartsWith(Head, StringComparison.Ordinal)) return text;
        // Group.Barrier is emitted with a fence of global memory alone, though it mostly guards shared memory.
        text = text.Replace("CLK_GLOBAL_MEM_FENCE", "CLK_GLOBAL_MEM_FENCE|CLK_LOCAL_MEM_FENCE", StringComparison.Ordinal);
        if (hasGenericPointers) return Head + text;
        // Such devices are CPUs, where all address spaces are one: pointers may be cast through integers.
        text = text.Replace("__generic", "__global", StringComparison.Ordinal);
        text = Regex.Replace(text, @"\(((?:atomic_|unsigned |struct )?\w+)\s*\*\)\s*(var\d+)", "(__global $1*)(ulong)($2)");
        return Head
            + "#define to_global(x) ((__global void*)(ulong)(x))\n#define to_local(x) ((__local void*)(ulong)(x))\n"
            + "#define to_private(x) ((__private void*)(ulong)(x))\n" + text;
    }

    static FieldInfo FieldOf(Type type, string name) => type.GetField(name, BindingFlags.Instance | BindingFlags.NonPublic)
        ?? throw new MissingFieldException(type.FullName, name);
}
