using System.Collections.Concurrent;
using DistillEngine.Kernels;

namespace DistillEngine.Tests.Gpu;

/// <summary>The PTX of every kernel, compiled once for all tests of a capability: compiling takes most of their time.</summary>
static class PtxTexts
{
    static readonly ConcurrentDictionary<(int Major, int Minor), Lazy<IReadOnlyList<(string Name, string Text, int DynamicSharedBytes)>>> Compiled = new();

    /// <param name="major">Compute capability, such as 9 and 0.</param>
    public static IReadOnlyList<(string Name, string Text, int DynamicSharedBytes)> Of(int major, int minor) =>
        Compiled.GetOrAdd((major, minor), capability => new(() => KernelTexts.Ptx(capability.Major, capability.Minor))).Value;
}
