namespace DistillEngine.Teacher.Cli;

static class Program
{
    static int Main(string[] args) =>
        Host.UnderSignals("Stopping: waiting for the answers in flight, which are paid. Once more stops at once; what is lost then is asked again.",
        cancel => CommandLine.Run(args, Console.Out, Console.Error, cancel));
}
