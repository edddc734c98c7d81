using System.Globalization;
using System.Text;
using DistillEngine.Teacher.Runs;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary>One line on where a run stands.</summary>
static class ProgressText
{
    public static string Of(RunSnapshot s)
    {
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"{s.Answered:N0}/{s.Total:N0} answered");
        if (s.GivenUp > 0) line.Append(CultureInfo.InvariantCulture, $", {s.GivenUp:N0} given up");
        line.Append(CultureInfo.InvariantCulture, $", {s.InFlight} in flight");
        if (s.WaitingUntil is { } until) line.Append(CultureInfo.InvariantCulture, $", waiting until {until.ToLocalTime():HH:mm:ss}");
        if (s.FailedAttempts > 0) line.Append(CultureInfo.InvariantCulture, $", {s.FailedAttempts:N0} failed attempts");
        line.Append(CultureInfo.InvariantCulture, $", {s.Spent.Tokens:N0} tokens");
        if (s.Dollars is { } dollars) line.Append(CultureInfo.InvariantCulture, $", ${dollars:0.####}");
        if (s.ProjectedDollars is { } projected) line.Append(CultureInfo.InvariantCulture, $" of about ${projected:0.####}");
        if (s.Remaining is { } remaining) line.Append(CultureInfo.InvariantCulture, $", {Duration(remaining)} left");
        return line.ToString();
    }

    /// <summary>A duration in the two largest of its units.</summary>
    public static string Duration(TimeSpan time) => time switch
    {
        { TotalSeconds: < 60 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s"),
        { TotalMinutes: < 60 } => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes} min {time.Seconds:00} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours:N0} h {time.Minutes:00} min"),
    };
}
