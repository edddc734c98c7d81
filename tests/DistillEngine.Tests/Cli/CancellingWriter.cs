namespace DistillEngine.Tests.Cli;

/// <summary>Output that cancels the program which writes it, at the first line.</summary>
sealed class CancellingWriter(CancellationTokenSource cancel) : StringWriter
{
    public override void WriteLine(string? value)
    {
        base.WriteLine(value);
        cancel.Cancel();
    }
}
