using System.Runtime.InteropServices;

namespace DistillEngine.Cli;

static class Program
{
    /// <summary>First Ctrl+C or SIGTERM: finish the step, save, exit 130. Second: exit at once.</summary>
    static int Main(string[] args)
    {
        using var cancel = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return CommandLine.Run(args, Console.Out, Console.Error, cancel.Token);

        void Stop(PosixSignalContext signal)
        {
            if (cancel.IsCancellationRequested) Environment.Exit(ExitCode.Interrupted);
            signal.Cancel = true;
            Console.Error.WriteLine("Stopping after this step; once more stops at once.");
            cancel.Cancel();
        }
    }
}
