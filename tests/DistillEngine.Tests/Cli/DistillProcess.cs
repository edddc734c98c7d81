using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace DistillEngine.Tests.Cli;

/// <summary><c>distill</c> as a process of its own, to be stopped from outside.</summary>
sealed partial class DistillProcess : IDisposable
{
    const int InterruptSignal = 2;

    static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    readonly Process _process;
    readonly StringBuilder _error = new();

    public DistillProcess(params string[] args) : this(Path.Combine(AppContext.BaseDirectory, "distill.dll"), args)
    {
    }

    /// <param name="environment">Variables beside this process's.</param>
    public DistillProcess(string[] args, IEnumerable<(string Name, string Value)> environment)
        : this(Path.Combine(AppContext.BaseDirectory, "distill.dll"), args, environment)
    {
    }

    /// <param name="program">Path of its main assembly.</param>
    /// <inheritdoc cref="DistillProcess(string[], IEnumerable{ValueTuple{string, string}})"/>
    public DistillProcess(string program, string[] args, IEnumerable<(string Name, string Value)>? environment = null)
    {
        var start = new ProcessStartInfo(Host()) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["exec", program, .. args]) start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? []) start.Environment[name] = value;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => _error.AppendLine(line.Data);
        _process.BeginErrorReadLine();
    }

    /// <summary>Messages; complete once the process has ended.</summary>
    public string Error => _error.ToString();

    /// <summary>Results that nobody took line by line; complete once the process has ended.</summary>
    public string Output { get; private set; } = "";

    /// <summary>Waits until it has written so many lines.</summary>
    /// <returns>Whether it did before it ended.</returns>
    public bool WaitForLines(int count)
    {
        for (int i = 0; i < count; i++)
            if (_process.StandardOutput.ReadLine() is null) return false;
        return true;
    }

    /// <summary>SIGKILL: nothing of the process runs any more.</summary>
    public void Kill()
    {
        _process.Kill();
        WaitForExit();
    }

    /// <summary>SIGINT, as Ctrl+C sends it.</summary>
    public void Interrupt()
    {
        if (_process.HasExited || Send(_process.Id, InterruptSignal) != 0)
            throw new InvalidOperationException("distill has ended before it could be interrupted.");
    }

    /// <returns>The exit status.</returns>
    public int WaitForExit()
    {
        Output = _process.StandardOutput.ReadToEnd();
        if (!_process.WaitForExit(Patience)) throw new TimeoutException("distill did not end.");
        // Only the wait without a limit also waits for the last messages.
        _process.WaitForExit();
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited) Kill();
        _process.Dispose();
    }

    // Tests may run in an executable of their own; then the runtime's folder leads to its host.
    static string Host() => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path
        ? path
        : Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int process, int signal);
}
