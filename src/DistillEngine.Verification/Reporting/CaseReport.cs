namespace DistillEngine.Verification;

/// <summary>Takes the checks of one case.</summary>
sealed class CaseReport(string name, Action<CheckResult> report, CancellationToken cancel)
{
    public string Name { get; } = name;

    public CancellationToken Cancel { get; } = cancel;

    public void Add(string check, Worst worst)
    {
        bool isFinite = double.IsFinite(worst.Error);
        string? reason = worst.Where is null ? "nothing was compared" : isFinite ? null : "the engine's value is no finite number";
        report(new(Name, check, worst.Where, isFinite ? worst.Error : null, worst.Allowed, worst.HasPassed, reason));
    }

    public void Add(string check, Differences differences) =>
        report(new(Name, check, differences.First, differences.Different, 0, differences is { Different: 0, Compared: > 0 },
            differences.Compared == 0 ? "nothing was compared" : null));

    public void Skip(string check, string reason) => report(new(Name, check, null, null, null, null, reason));

    public void Fail(string check, string reason) => report(new(Name, check, null, null, null, false, reason));

    /// <summary>Runs one part of a case; what it throws is a failed check, and the other parts go on.</summary>
    public void Guard(string check, Action part)
    {
        Cancel.ThrowIfCancellationRequested();
        try
        {
            part();
        }
        catch (OperationCanceledException) when (Cancel.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)
        {
            // Whatever goes wrong within one comparison says that it failed, and must not hide the others.
            bool isExpected = e is InvalidDataException or IOException or ArgumentException;
            Fail(check, isExpected ? e.Message : $"{e.GetType().Name}: {e.Message}");
        }
    }
}
