using DistillEngine.Tests.Verification;
using Xunit;

namespace DistillEngine.Tests.Cli;

/// <summary>What a processor with fewer instruction sets gets unasked, as the runtime's settings have it: everything recorded agrees there, too.</summary>
public class NarrowProcessorTests
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")] // Without fused multiply-adds as well.
    [InlineData("DOTNET_EnableAVX")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public void Verify_WithoutAnInstructionSet_Passes(string variable)
    {
        using var verify = new DistillProcess(["verify", "--golden", GoldenCopy.Repository], [(variable, "0")]);
        Assert.True(verify.WaitForExit() == 0, $"distill verify fails with {variable}=0. {verify.Error}");
    }
}
