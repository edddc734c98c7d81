using System.Diagnostics;
using System.Text.RegularExpressions;

namespace DistillEngine.Kernels;

/// <summary>NVIDIA's assembler, which shows without a device what a driver would make of a kernel.</summary>
public sealed partial class PtxAssembler
{
    /// <summary>Names the assembler's file.</summary>
    public const string Variable = "DISTILL_PTXAS";

    readonly string _file;

    PtxAssembler(string file) => _file = file;

    /// <summary>The assembler that <see cref="Variable"/> names, or <c>ptxas</c> in PATH; null where neither is there.</summary>
    /// <exception cref="InvalidOperationException">The variable names a file that is not there.</exception>
    public static PtxAssembler? Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return File.Exists(named) ? new(named) : throw new InvalidOperationException($"{Variable} is '{named}', which is no file.");
        string name = OperatingSystem.IsWindows() ? "ptxas.exe" : "ptxas";
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists) is { } file ? new(file) : null;
    }

    /// <summary>Its release, such as 11.8.</summary>
    public string Version() => Release().Match(Run(["--version"]).Output) is { Success: true } match ? match.Groups[1].Value
        : throw new InvalidOperationException($"{_file} --version names no release; expected NVIDIA's ptxas.");

    /// <summary>Assembles one kernel.</summary>
    /// <param name="architecture">Such as 80.</param>
    /// <exception cref="InvalidOperationException">The assembler took it, but its numbers cannot be read; the message shows the line.</exception>
    public PtxAssembly Assemble(string text, int architecture)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, text);
            var (code, output) = Run(["-v", $"-arch=sm_{architecture}", file, "-o", OperatingSystem.IsWindows() ? "NUL" : "/dev/null"]);
            return code == 0 ? PtxAssembly.Read(output) : new(0, 0, 0, 0, output.Trim());
        }
        finally
        {
            File.Delete(file);
        }
    }

    (int Code, string Output) Run(string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(_file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    [GeneratedRegex(@"release (\d+\.\d+)")]
    private static partial Regex Release();
}
