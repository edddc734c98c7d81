using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>NVIDIA's assembler, where one is found, takes every kernel.</summary>
public class PtxAssemblerTests
{
    /// <summary>A folder that the tables are written to, beside the test's output.</summary>
    const string TableVariable = "DISTILL_PTX_TABLES";

    [Theory]
    [InlineData(70)]
    [InlineData(80)]
    [InlineData(90)]
    public void Assembler_OfEveryKernel_TakesItAndKeepsNumbersInRegisters(int architecture)
    {
        PtxAssembler? assembler = PtxAssembler.Find();
        if (assembler is null) Assert.Skip($"There is no ptxas in PATH, and {PtxAssembler.Variable} names none.");
        var rows = PtxTexts.Of(architecture / 10, architecture % 10).Select(kernel => (kernel.Name, Result: assembler.Assemble(kernel.Text, architecture))).ToArray();
        string[] table =
        [
            $"# Kernels for sm_{architecture} by ptxas {assembler.Version()}", "",
            "| kernel, threads of a group | registers | shared bytes | stack bytes | spilled bytes |", "|---|---|---|---|---|",
            .. rows.Select(row => $"| `{row.Name.Replace(" of ", "`, ", StringComparison.Ordinal)} | {row.Result.Registers} | {row.Result.SharedBytes} | {row.Result.StackBytes} | {row.Result.SpillBytes} |"),
        ];
        Array.ForEach(table, line => TestContext.Current.TestOutputHelper?.WriteLine(line));
        if (Environment.GetEnvironmentVariable(TableVariable) is { Length: > 0 } folder)
            File.WriteAllLines(Path.Combine(Directory.CreateDirectory(folder).FullName, $"sm_{architecture}.md"), table);
        Assert.All(rows, row =>
        {
            Assert.True(row.Result.Error is null, $"{row.Name}: {row.Result.Error}");
            // Sums and rows live in registers, or each multiply-add goes to memory. For Volta the assembler of CUDA 11.8 does not unroll the
            // loops of the attention's forward, whose two rows then lie in local memory.
            int most = architecture == 70 && row.Name.StartsWith("AttentionForward.ByQuery", StringComparison.Ordinal) ? 2 * 32 * sizeof(float) : 0;
            Assert.True(row.Result.StackBytes <= most && row.Result.SpillBytes == 0,
                $"{row.Name}: {row.Result.StackBytes} bytes of stack, {row.Result.SpillBytes} spilled");
        });
    }

    [Fact]
    public void Assembler_OfWhatIsNotPtx_SaysWhy()
    {
        PtxAssembler? assembler = PtxAssembler.Find();
        if (assembler is null) Assert.Skip($"There is no ptxas in PATH, and {PtxAssembler.Variable} names none.");
        Assert.Contains("fatal", assembler.Assemble("not PTX", 80).Error, StringComparison.Ordinal);
    }
}
