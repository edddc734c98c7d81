using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>What passes between the host and a device's tensors.</summary>
public sealed class TransferTests
{
    const int Count = 8;

    public static TheoryData<string> Devices => ["cpu", GpuDevices.Emulator];

    static IBackend Open(string device) => device == "cpu" ? new CpuBackend(CpuIsa.Scalar, 1) : GpuDevices.Open(device);

    [Theory, MemberData(nameof(Devices))]
    public void UploadDownloadAndFill_OfElementsOfAnotherSize_NameTensorAndTypesAndTouchNothing(string device)
    {
        using IBackend backend = Open(device);
        using DeviceBuffer buffer = backend.Allocate(2 * Count * sizeof(ushort), "tensors");
        Tensor halves = new(buffer, 0, new(Count), DType.BF16, "halves"), neighbour = new(buffer, Count, new(Count), DType.BF16, "neighbour");
        ushort[] expected = [1, 2, 3, 4, 5, 6, 7, 8], got = new ushort[Count];
        backend.Upload<ushort>(expected, neighbour);

        Throws("upload: 'halves' holds BF16 of 2 bytes an element, got Single of 4", () => backend.Upload<float>(new float[Count], halves));
        Throws("download: 'halves' holds BF16 of 2 bytes an element, got Single of 4", () => backend.Download(halves, new float[Count].AsSpan()));
        Throws("fill: 'halves' holds BF16 of 2 bytes an element, got Single of 4", () => backend.Fill(halves, 1));

        backend.Download(neighbour, got.AsSpan());
        Assert.Equal(expected, got);
    }

    [Theory, MemberData(nameof(Devices))]
    public void UploadAndDownload_OfMoreThanThereIsRoomFor_NameTensorAndCounts(string device)
    {
        using IBackend backend = Open(device);
        using DeviceBuffer buffer = backend.Allocate(Count * sizeof(float), "tensors");
        var tensor = new Tensor(buffer, 0, new(Count), DType.F32, "eight");
        Throws("upload: expected at most the 8 elements of 'eight', got 9", () => backend.Upload<float>(new float[Count + 1], tensor));
        Throws("download: expected room for the 8 elements of 'eight', got 7", () => backend.Download(tensor, new float[Count - 1].AsSpan()));
    }

    [Theory, MemberData(nameof(Devices))]
    public void UploadAndDownload_OfFewerThanThereIsRoomFor_ReachTheFirstElements(string device)
    {
        using IBackend backend = Open(device);
        using DeviceBuffer buffer = backend.Allocate(Count * sizeof(float), "tensors");
        var tensor = new Tensor(buffer, 0, new(Count), DType.F32, "eight");
        float[] got = new float[Count + 1];
        backend.Fill(tensor, 9);
        backend.Upload<float>([1, 2], tensor);
        backend.Download(tensor, got.AsSpan());
        Assert.Equal([1, 2, 9, 9, 9, 9, 9, 9, 0], got);
    }

    static void Throws(string expected, Action call) =>
        Assert.Contains(expected, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
}
