using System.Runtime.InteropServices;

namespace DistillEngine.Compare;

/// <summary>What the wrapper of libtorch leaves out.</summary>
static partial class LibTorch
{
    /// <summary>torch.set_flush_denormal(True), for this thread and those that libtorch starts from it: the engine's threads take denormals as zero,
    /// too, and with them Intel's processors need many times as long.</summary>
    /// <returns>Whether the processor can.</returns>
    public static bool FlushDenormals() => SetFlushDenormal(GlobalContext(), 1) != 0;

    [LibraryImport("torch_cpu", EntryPoint = "_ZN2at13globalContextEv")]
    private static partial nint GlobalContext();

    [LibraryImport("torch_cpu", EntryPoint = "_ZN2at7Context16setFlushDenormalEb")]
    private static partial byte SetFlushDenormal(nint context, byte on);
}
