namespace DistillEngine.Cli;

static class Program
{
    static int Main(string[] args) => Host.UnderSignals("Stopping after this step; once more stops at once.",
        cancel => CommandLine.Run(args, Console.Out, Console.Error, cancel));
}
