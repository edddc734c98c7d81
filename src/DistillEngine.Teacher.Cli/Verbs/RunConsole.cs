using DistillEngine.Teacher.Runs;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary>Shows a run while it goes on; takes messages from any thread.</summary>
sealed class RunConsole(Io io)
{
    static readonly TimeSpan RefreshInterval = TimeSpan.FromMilliseconds(100);

    readonly ProgressLine _progress = new(io);
    readonly Lock _gate = new();

    public void Note(string text)
    {
        lock (_gate) _progress.Message(text);
    }

    /// <summary>Shows progress until the run has ended.</summary>
    public async Task<RunResult> FollowAsync(Task<RunResult> run, Func<RunSnapshot> snapshot)
    {
        while (await Task.WhenAny(run, Task.Delay(RefreshInterval)).ConfigureAwait(false) != run)
        {
            lock (_gate)
                if (_progress.IsDue) _progress.Update(ProgressText.Of(snapshot()));
        }
        lock (_gate) _progress.Clear();
        return await run.ConfigureAwait(false);
    }
}
