using System.Diagnostics;

namespace DistillEngine.Bench;

/// <summary>The comparison with libtorch, a project of its own: this program builds and starts it, so that only who asks for it downloads libtorch.</summary>
static class CompareProject
{
    public const string Suite = "compare";

    /// <param name="arguments">The comparison's own.</param>
    /// <param name="root">The repository.</param>
    public static ProcessStartInfo Command(string[] arguments, string root) =>
        new("dotnet", ["run", "-c", "Release", "--project", Path.Combine(root, "bench", "DistillEngine.Compare"), "--", .. arguments]);

    /// <summary>Runs it to its end, at this program's terminal.</summary>
    /// <inheritdoc cref="Command"/>
    /// <returns>Its exit code.</returns>
    /// <exception cref="System.ComponentModel.Win32Exception">There is no <c>dotnet</c>.</exception>
    public static int Run(string[] arguments, string root)
    {
        // Ctrl+C reaches both programs; the other one ends its round, and this one waits for it.
        Console.CancelKeyPress += (_, press) => press.Cancel = true;
        using Process process = Process.Start(Command(arguments, root))!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
