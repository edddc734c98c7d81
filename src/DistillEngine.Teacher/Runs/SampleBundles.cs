namespace DistillEngine.Teacher.Runs;

/// <summary>
/// How many samples of a row one request asks for. Together they pay the prompt once, but not every server gives several answers: some
/// ignore the wish, some refuse it, and then each sample is asked for alone. Safe for threads.
/// </summary>
/// <param name="most">Samples a request at most, at least 1.</param>
sealed class SampleBundles(int most)
{
    /// <summary>A server that fails now and then is given another chance; one that refuses is not.</summary>
    const int FailuresBelieved = 3;

    readonly Lock _gate = new();
    bool _isProven;
    bool _isAlone;
    int _failures;

    /// <summary>Samples to ask for where some are missing.</summary>
    public int Size(int missing)
    {
        lock (_gate) return _isAlone ? 1 : Math.Min(missing, most);
    }

    /// <summary>Whether a request that failed should be tried for one sample alone, since the server was never seen to give several.</summary>
    public bool IsInDoubt(int asked, TeacherErrorKind kind)
    {
        lock (_gate)
            return asked > 1 && !_isProven && kind is TeacherErrorKind.BadRequest or TeacherErrorKind.Server or TeacherErrorKind.BadReply;
    }

    /// <summary>Hears how many answers came.</summary>
    /// <param name="failed">How the request for several failed before the one for a single sample succeeded; null where it did not.</param>
    public void Answered(int asked, int answers, TeacherErrorKind? failed)
    {
        lock (_gate)
        {
            if (answers > 1) _isProven = true;
            if (_isProven) return;
            if (failed is not null && ++_failures >= FailuresBelieved) _isAlone = true;
            if (asked > 1 || failed == TeacherErrorKind.BadRequest) _isAlone = true;
        }
    }
}
