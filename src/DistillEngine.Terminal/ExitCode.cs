namespace DistillEngine.Terminal;

/// <summary>What scripts can tell from the exit status of either program.</summary>
public static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The work itself failed: training diverged, a check did not pass.</summary>
    public const int Failure = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Data, model or configuration is wrong.</summary>
    public const int Invalid = 3;

    /// <summary>A limit on money, tokens or requests was reached; what was paid for is saved.</summary>
    public const int Budget = 4;

    /// <summary>Too many of the teacher's answers cannot be used.</summary>
    public const int Unparsed = 5;

    /// <summary>Done, but some rows got no answer.</summary>
    public const int Partial = 6;

    /// <summary>Stopped by a signal; what was done is saved.</summary>
    public const int Interrupted = 130;
}
