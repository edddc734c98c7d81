namespace DistillEngine.Cli;

/// <summary>What scripts can tell from the exit status.</summary>
static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The work itself failed: training diverged, a check did not pass.</summary>
    public const int Failure = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Data, model or configuration is wrong.</summary>
    public const int Invalid = 3;

    /// <summary>Stopped by a signal; what was done is saved.</summary>
    public const int Interrupted = 130;
}
