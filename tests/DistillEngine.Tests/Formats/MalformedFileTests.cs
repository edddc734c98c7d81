using DistillEngine.Formats;
using Xunit;

namespace DistillEngine.Tests.Formats;

/// <summary>Files that break their format, each with the reason that the error must give.</summary>
public class MalformedFileTests
{
    // Far below what any of these files claims, far above what opening an honest file of this size needs.
    const long AllocationBound = 16 << 20;

    static readonly Dictionary<string, MalformedFile> Files = MalformedFile.All.ToDictionary(file => file.Description);

    public static TheoryData<string> Descriptions => [.. MalformedFile.All.Select(file => file.Description)];

    [Theory, MemberData(nameof(Descriptions))]
    public void Open_NamesThePathAndTheReason(string description)
    {
        using var folder = new TemporaryFolder();
        var file = Files[description];
        foreach (var (name, bytes) in file.Contents) File.WriteAllBytes(folder[name], bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidDataException>(() => Open(folder));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.StartsWith(folder.Path, error.Message);
        Assert.Contains(file.Reason, error.Message);
        Assert.True(allocated < AllocationBound, $"{allocated} bytes were allocated.");
    }

    static void Open(TemporaryFolder folder)
    {
        if (File.Exists(folder["config.json"])) HuggingFaceConfig.Load(folder["config.json"]);
        else ModelWeights.Open(folder.Path).Dispose();
    }
}
