using DistillEngine.Tests.Cli;
using DistillEngine.Tests.Formats;

namespace DistillEngine.Tests.Gpu;

/// <summary>A driver of CUDA, and cuBLAS, whose device is a program (<c>PtxDevice</c>), for processes of their own. Its memory is the host's. Launches run
/// the PTX that they are given where <see cref="Executing"/> asks for it and do nothing else, and calls fail as they are told.</summary>
sealed class StandInDriver : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly string _libraries;

    /// <summary>Skips the test, with the reason, where it cannot be compiled.</summary>
    public StandInDriver()
    {
        try
        {
            _libraries = StandInLibrary.Folder;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The tuning file of its runs.</summary>
    public string TuningPath => _folder["tuning.json"];

    /// <summary>Of the environment of a process that is to find this driver.</summary>
    public IEnumerable<(string Name, string Value)> Variables => [("LD_LIBRARY_PATH", _libraries), ("DISTILL_TUNING", TuningPath)];

    /// <summary>Variables with which kernels run.</summary>
    /// <param name="capability">Compute capability, such as 80.</param>
    /// <param name="fuses">Whether products are fused with sums, which is left to assemblers.</param>
    public static IEnumerable<(string Name, string Value)> Executing(int capability, bool fuses = true) =>
        [("STAND_IN_EXECUTES", $"{capability}"), ("STAND_IN_FUSES", fuses ? "1" : "0")];

    /// <summary>Runs <c>distill</c> with it.</summary>
    /// <param name="failing">Functions and what they return: <c>cuMemAlloc_v2=2,cuCtxDestroy_v2=700</c>.</param>
    /// <param name="variables">Of the environment, beside those of the driver.</param>
    /// <returns>Exit code and messages.</returns>
    public (int Code, string[] Errors) Run(string failing, string[] args, params IEnumerable<(string Name, string Value)> variables)
    {
        CliResult result = Run(args, [("STAND_IN_FAILS", failing), .. variables]);
        return (result.Code, [.. result.ErrorLines.Select(line => line.Trim()).Where(line => line.Length > 0)]);
    }

    /// <summary>Runs <c>distill</c> with it.</summary>
    /// <param name="variables">Of the environment, beside those of the driver.</param>
    public CliResult Run(string[] args, params IEnumerable<(string Name, string Value)> variables)
    {
        using var process = new DistillProcess(args, [.. Variables, .. variables]);
        int code = process.WaitForExit();
        return new(code, process.Output, process.Error);
    }

    public void Dispose() => _folder.Dispose();
}
