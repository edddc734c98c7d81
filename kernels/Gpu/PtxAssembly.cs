using System.Globalization;
using System.Text.RegularExpressions;

namespace DistillEngine.Kernels;

/// <summary>What an assembler made of a kernel.</summary>
/// <param name="Registers">Of a thread.</param>
/// <param name="SharedBytes">Of a group.</param>
/// <param name="StackBytes">Of a thread: arrays that did not fit registers, or are indexed by what is not known.</param>
/// <param name="SpillBytes">Stored and loaded by a thread because registers ran out.</param>
/// <param name="Error">Why the text was rejected, or null.</param>
public sealed partial record PtxAssembly(int Registers, int SharedBytes, int StackBytes, int SpillBytes, string? Error)
{
    /// <summary>Reads what <c>ptxas -v</c> says of one kernel.</summary>
    /// <exception cref="InvalidOperationException">A number is not where it is expected; the message shows the line.</exception>
    internal static PtxAssembly Read(string report)
    {
        string use = Line(report, "registers");
        // Of a kernel without shared memory the line says nothing about it.
        bool isShared = use.Contains("smem", StringComparison.Ordinal) || use.Contains("shared", StringComparison.Ordinal);
        return new(Number(RegistersUsed(), use), isShared ? Number(SharedUsed(), use) : 0, Number(StackUsed(), Line(report, "stack")),
            Number(SpillStores(), Line(report, "spill")) + Number(SpillLoads(), Line(report, "spill")), null);
    }

    /// <summary>The line with this word; all lines where none has it.</summary>
    static string Line(string report, string word) =>
        report.Split('\n').FirstOrDefault(line => line.Contains(word, StringComparison.Ordinal))?.Trim() ?? report.Trim();

    static int Number(Regex pattern, string line) => pattern.Match(line) is { Success: true } match
        ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
        : throw new InvalidOperationException($"ptxas -v says '{line}' (expected '{pattern}', as CUDA 11.8 writes; read this release's words in {nameof(PtxAssembly)}).");

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex RegistersUsed();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex SharedUsed();

    [GeneratedRegex(@"(\d+) bytes stack frame")]
    private static partial Regex StackUsed();

    [GeneratedRegex(@"(\d+) bytes spill stores")]
    private static partial Regex SpillStores();

    [GeneratedRegex(@"(\d+) bytes spill loads")]
    private static partial Regex SpillLoads();
}
