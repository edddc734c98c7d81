using DistillEngine.Core;
using DistillEngine.Tests.Formats;
using Xunit;

namespace DistillEngine.Tests.Core.Files;

public sealed class AtomicTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void File_UntilCommitted_DoesNotAppear()
    {
        File.WriteAllText(_folder["a"], "old");
        using (var file = new AtomicFile(_folder["a"]))
        {
            file.Stream.Write("new"u8);
            file.Seal();
            Assert.Throws<InvalidOperationException>(() => file.Stream);
            Assert.Equal("old", File.ReadAllText(_folder["a"]));
            Assert.Equal(_folder.Names[1], Path.GetFileName(Assert.Single(Leftovers.Find(_folder.Path))));
            file.Commit();
            Assert.Equal("new", File.ReadAllText(_folder["a"]));
            Assert.Throws<InvalidOperationException>(file.Commit);
        }
        Assert.Equal(["a"], _folder.Names);
    }

    [Fact]
    public void File_WhenTheWriterThrows_LeavesTheOldContents()
    {
        AtomicFile.WriteAllText(_folder["a"], "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(_folder["a"], stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", File.ReadAllText(_folder["a"]));
        Assert.Equal(["a"], _folder.Names);
    }

    [Fact]
    public void Folder_UntilCommitted_DoesNotAppear()
    {
        using (var folder = new AtomicFolder(_folder["parent/step-5"]))
        {
            Directory.CreateDirectory(Path.Combine(folder.WorkingPath, "model"));
            File.WriteAllText(Path.Combine(folder.WorkingPath, "model", "a"), "1");
            Assert.False(Path.Exists(folder.FinalPath));
            Assert.Equal([folder.WorkingPath], Leftovers.Find(_folder["parent"]));
            folder.Commit();
            Assert.Throws<InvalidOperationException>(() => folder.Commit());
        }
        Assert.Equal("1", File.ReadAllText(_folder["parent/step-5/model/a"]));
        Assert.Empty(Leftovers.Find(_folder["parent"]));
    }

    [Fact]
    public void Folder_WhenTheNameIsTaken_ReplacesOnlyWhenAsked()
    {
        Directory.CreateDirectory(_folder["c"]);
        File.WriteAllText(_folder["c/old"], "old");
        using var folder = new AtomicFolder(_folder["c"] + Path.DirectorySeparatorChar);
        File.WriteAllText(Path.Combine(folder.WorkingPath, "new"), "new");
        Assert.StartsWith(_folder["c"], Assert.Throws<IOException>(() => folder.Commit()).Message);
        Assert.True(File.Exists(_folder["c/old"]));
        folder.Commit(replace: true);
        Assert.Equal(["new"], Directory.EnumerateFiles(_folder["c"]).Select(Path.GetFileName));
        Assert.Equal(["c"], _folder.Names);
    }

    [Fact]
    public void Folder_WhenDisposedEarly_LeavesNothing()
    {
        using (var folder = new AtomicFolder(_folder["c"])) File.WriteAllText(Path.Combine(folder.WorkingPath, "a"), "1");
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void Leftovers_OfACrash_AreFoundAndDeleted()
    {
        File.WriteAllText(_folder["model.safetensors.partial-0123abcd"], "");
        Directory.CreateDirectory(_folder["step-5.replaced-ffffffff/inner"]);
        File.WriteAllText(_folder["model.safetensors"], "");
        File.WriteAllText(_folder["notes.partial-1"], "");
        File.WriteAllText(_folder["x.partial-0123ABCD"], "");
        Assert.Equal(2, Leftovers.Delete(_folder.Path));
        Assert.Equal(["model.safetensors", "notes.partial-1", "x.partial-0123ABCD"], _folder.Names);
        Assert.Empty(Leftovers.Find(_folder["absent"]));
    }
}
