namespace DistillEngine.Verification;

/// <summary>Takes the checks of one case.</summary>
sealed class CaseReport(string name, Action<CheckResult> report, CancellationToken cancel)
{
    public string Name { get; } = name;

    public CancellationToken Cancel { get; } = cancel;

    /// <summary>Checks told so far, of any outcome.</summary>
    public int Checks { get; private set; }

    public void Add(string check, Worst worst)
    {
        bool isFinite = double.IsFinite(worst.Error);
        string? reason = worst.Where is null ? "nothing was compared" : isFinite ? null : "the engine's value is no finite number";
        Tell(new(Name, check, worst.Where, isFinite ? worst.Error : null, worst.Allowed, worst.HasPassed, reason));
    }

    public void Add(string check, Differences differences) =>
        Tell(new(Name, check, differences.First, differences.Different, 0, differences is { Different: 0, Compared: > 0 },
            differences.Compared == 0 ? "nothing was compared" : null));

    public void Skip(string check, string reason) => Tell(new(Name, check, null, null, null, null, reason));

    public void Fail(string check, string reason) => Tell(new(Name, check, null, null, null, false, reason));

    /// <summary>Whether the case has a file that a check needs. One that is missing fails the check, one that is left out skips it.</summary>
    public bool Has(string check, string path) =>
        Has(check, Path.GetDirectoryName(path)!, Path.GetFileName(path), File.Exists(path));

    /// <summary>The same of anything that a case is made of.</summary>
    public bool Has(string check, string folder, string name, bool exists)
    {
        if (exists) return true;
        if (LeftOut.Names(folder, name)) Skip(check, $"this copy leaves {name} out");
        else Fail(check, $"{folder}: {name} is missing. Copy the golden again, or name it in {LeftOut.FileName} beside it.");
        return false;
    }

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

    void Tell(CheckResult result)
    {
        Checks++;
        report(result);
    }
}
