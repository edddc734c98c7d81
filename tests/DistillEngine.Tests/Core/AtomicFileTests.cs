using DistillEngine.Core;
using DistillEngine.Tests.Data;
using Xunit;

namespace DistillEngine.Tests.Core;

public class AtomicFileTests
{
    [Fact]
    public void Write_ReplacesTheFileAndLeavesNothingElse()
    {
        string path = DataFiles.Write("file.txt", "old");
        AtomicFile.Write(path, stream => stream.Write("new"u8));
        Assert.Equal("new", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void Write_WhenWritingFails_KeepsTheOldFileAndLeavesNothingElse()
    {
        string path = DataFiles.Write("file.txt", "old");
        Assert.Throws<IOException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half"u8);
            throw new IOException("disk full");
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }
}
