namespace DistillEngine.Terminal;

/// <summary>Command lines that a user may copy from a message.</summary>
public static class CommandText
{
    const string Plain = "_-./:=@+,";

    // Only there a backslash separates folders.
    static readonly string Unquoted = OperatingSystem.IsWindows() ? Plain + '\\' : Plain;

    /// <summary>An argument such that the shell reads it back whole: in quotes where it holds what a shell takes apart or replaces.</summary>
    public static string Quote(string argument)
    {
        if (argument.Length > 0 && argument.All(c => char.IsLetterOrDigit(c) || Unquoted.Contains(c))) return argument;
        return OperatingSystem.IsWindows()
            ? $"\"{argument.Replace("\"", "\\\"", StringComparison.Ordinal)}\""
            : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }
}
