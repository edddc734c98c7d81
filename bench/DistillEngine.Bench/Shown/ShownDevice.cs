using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench.Shown;

/// <summary>The device of the suites that measure one.</summary>
/// <param name="Name">As <c>--device</c> takes it.</param>
sealed record ShownDevice(string Name)
{
    /// <summary>The library beside the own products of a backend, or none and why.</summary>
    public Func<GpuBackend, (IProductPeer? Peer, string WhyMissing)> OpenPeer { get; init; } = backend => (backend.OpenPeer(out string why), why);

    /// <exception cref="InvalidOperationException">The device is absent or cannot compute, or not in this precision.</exception>
    /// <exception cref="DeviceException">It fails.</exception>
    public GpuBackend Open(ComputePrecision operands) => GpuDevices.Open(Name, operands, Console.Error.WriteLine);

    /// <summary>Measures in each precision that the device has; a note says why another is missing.</summary>
    /// <inheritdoc cref="Open"/>
    public void Each(ComputePrecision[] types, ShownTable table, Action<GpuBackend> measure)
    {
        foreach (ComputePrecision type in types)
        {
            if (type == ComputePrecision.Tf32 && WhyNoTf32() is { } why)
            {
                table.Note($"{type}: {why}");
                continue;
            }
            using GpuBackend backend = Open(type);
            measure(backend);
        }
    }

    /// <summary>The device in words, for the heads of tables.</summary>
    public string Describe()
    {
        GpuDeviceInfo info = GpuDevices.List().First(device => device.Name == Name);
        return $"{info.Name} {info.Description}, {info.Driver}, {info.Capabilities}";
    }

    /// <summary>Why the device does not multiply tf32, which unlike bf16 nothing emulates; null where it does.</summary>
    string? WhyNoTf32()
    {
        using GpuBackend backend = Open(ComputePrecision.F32);
        using IDeviceRoofline loops = backend.OpenRoofline();
        return loops.Operations(ComputePrecision.Tf32) is null ? RooflineMeter.WhyMissing(backend, PeakKind.Tf32) : null;
    }
}
