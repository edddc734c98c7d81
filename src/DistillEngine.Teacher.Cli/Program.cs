namespace DistillEngine.Teacher.Cli;

static class Program
{
    static int Main(string[] args) => args.Length == 0 ? 2 : 0;
}
