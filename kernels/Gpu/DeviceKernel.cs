using ILGPU.Backends.EntryPoints;

namespace DistillEngine.Kernels;

/// <summary>One kernel of a device: its C# code and what a launch takes.</summary>
abstract class DeviceKernel(Delegate code, int groupSize, int dynamicSharedBytes)
{
    /// <summary>Method name, with the type arguments of a generic one.</summary>
    public string Name { get; } = NameOf(code);

    /// <summary>Threads of a group; the compilers may count on it.</summary>
    public int GroupSize { get; } = groupSize;

    /// <summary>Shared memory of a group that its launches ask for, beside what the code declares.</summary>
    public int DynamicSharedBytes { get; } = dynamicSharedBytes;

    public EntryPointDescription EntryPoint => EntryPointDescription.FromExplicitlyGroupedKernel(code.Method);

    static string NameOf(Delegate code)
    {
        string method = $"{code.Method.DeclaringType!.Name}.{code.Method.Name}";
        return code.Method.IsGenericMethod ? $"{method}<{string.Join(", ", code.Method.GetGenericArguments().Select(NameOf))}>" : method;
    }

    static string NameOf(Type type) => type.IsGenericType
        ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
        : type.Name;
}

/// <summary>A kernel that is compiled by its first launch.</summary>
/// <typeparam name="TLaunch">Stream, configuration and the kernel's own parameters.</typeparam>
sealed class DeviceKernel<TLaunch>(Gpu gpu, Delegate code, int groupSize, int dynamicSharedBytes = 0)
    : DeviceKernel(code, groupSize, dynamicSharedBytes) where TLaunch : Delegate
{
    TLaunch? _launch;

    public TLaunch Launch => _launch ??= gpu.Load<TLaunch>(this);
}
