using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>NVIDIA's assembler, where one is found, takes every kernel.</summary>
public class PtxAssemblerTests
{
    /// <summary>A folder that the tables are written to, beside the test's output.</summary>
    const string TableVariable = "DISTILL_PTX_TABLES";

    const string Properties = "    24 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads";

    [Theory]
    [InlineData(70)]
    [InlineData(80)]
    [InlineData(90)]
    public void Assembler_OfEveryKernel_TakesItAndKeepsNumbersInRegisters(int architecture)
    {
        PtxAssembler? assembler = PtxAssembler.Find();
        if (assembler is null) Assert.Skip($"There is no ptxas in PATH, and {PtxAssembler.Variable} names none.");
        var rows = PtxTexts.Of(architecture / 10, architecture % 10).Select(kernel =>
            (kernel.Name, kernel.DynamicSharedBytes, Result: assembler.Assemble(kernel.Text, architecture))).ToArray();
        string[] table =
        [
            $"# Kernels for sm_{architecture} by ptxas {assembler.Version()}", "",
            "| kernel, threads of a group | registers | shared bytes | stack bytes | spilled bytes |", "|---|---|---|---|---|",
            .. rows.Select(row => $"| `{row.Name.Replace(" of ", "`, ", StringComparison.Ordinal)} | {row.Result.Registers} | "
                + $"{row.Result.SharedBytes + row.DynamicSharedBytes} | {row.Result.StackBytes} | {row.Result.SpillBytes} |"),
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

    [Theory]
    [InlineData("ptxas info    : Used 8 registers, 128 bytes smem, 360 bytes cmem[0]", 128)]
    [InlineData("ptxas info    : Used 8 registers, used 1 barriers, 128 bytes smem", 128)]
    [InlineData("ptxas info    : Used 8 registers, 360 bytes cmem[0]", 0)]
    public void Read_OfAReport_TakesItsNumbers(string use, int shared) =>
        Assert.Equal(new PtxAssembly(8, shared, 24, 12 + 16, null), PtxAssembly.Read($"{Properties}\n{use}\n"));

    [Theory]
    [InlineData("ptxas info    : 8 registers", Properties, "8 registers")]
    [InlineData("ptxas info    : Used 8 registers, 128 shared bytes", Properties, "128 shared bytes")]
    [InlineData("ptxas info    : Used 8 registers", "    stack 24, 12 bytes spill stores, 16 bytes spill loads", "stack 24")]
    [InlineData("ptxas info    : Used 8 registers", "    24 bytes stack frame, 12 bytes spilled", "12 bytes spilled")]
    [InlineData("ptxas info    : Used 8 registers", "    24 bytes stack frame", "Used 8 registers")]
    public void Read_OfOtherWords_ShowsTheLine(string use, string properties, string shown)
    {
        string message = Assert.Throws<InvalidOperationException>(() => PtxAssembly.Read($"{properties}\n{use}\n")).Message;
        Assert.Contains(shown, message, StringComparison.Ordinal);
    }
}
