using DistillEngine.Bench;
using DistillEngine.Tests.House;
using Xunit;

namespace DistillEngine.Tests.Bench;

/// <summary>How the comparison with libtorch is started, without starting it.</summary>
public class CompareProjectTests
{
    [Fact]
    public void Command_OfArguments_RunsTheProjectWithThem()
    {
        var command = CompareProject.Command(["--dtype", "bf16", "--record"], Repository.Root);
        Assert.Equal("dotnet", command.FileName);
        Assert.Equal(["run", "-c", "Release", "--project", Path.Combine(Repository.Root, "bench", "DistillEngine.Compare"), "--", "--dtype", "bf16", "--record"],
            command.ArgumentList);
        Assert.True(File.Exists(Path.Combine(command.ArgumentList[4], "DistillEngine.Compare.csproj")));
        // Its tables and messages are those of whoever started it.
        Assert.False(command.RedirectStandardOutput || command.RedirectStandardError || command.RedirectStandardInput);
    }
}
