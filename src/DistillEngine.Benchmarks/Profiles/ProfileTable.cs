using System.Globalization;
using DistillEngine.Core;

namespace DistillEngine.Benchmarks;

/// <summary>The time of every op beside what the machine allows.</summary>
public static class ProfileTable
{
    /// <summary>Lines of the table: a head, a row an op, longest first, the time outside of ops, and the limits that were compared with.</summary>
    /// <param name="log">Recorded over the whole work.</param>
    /// <param name="seconds">Of the whole work.</param>
    /// <param name="operands">Type of the products' operands; of most of them, where low forms hold some weights finer.</param>
    public static IEnumerable<string> Lines(TraceLog log, double seconds, Roof roof, PeakKind operands)
    {
        yield return $"{"op",-30} {"calls",9} {"ms",11} {"share",7} {"GFLOP/s",9} {"GB/s",8} {"limit",7}";
        double inside = 0;
        foreach (var (op, calls, time, cost) in log.Rows)
        {
            inside += time;
            string limit = cost == default || time == 0 ? "" : Percent(roof.Seconds(cost, ProductOps.Contains(op) ? operands : PeakKind.Fp32) / time);
            yield return Row(op, calls.ToString("N0", CultureInfo.InvariantCulture), time, seconds, Rate(cost.Flops, time, "F1"),
                Rate(cost.Bytes, time, "F1"), limit);
        }
        yield return Row("outside of ops", "", Math.Max(0, seconds - inside), seconds, "", "", "");
        string others = operands == PeakKind.Fp32 ? "" : string.Create(CultureInfo.InvariantCulture, $" (products; {roof.Fp32Gflops:F0} all else)");
        yield return string.Create(CultureInfo.InvariantCulture,
            $"limit: the least time at {roof.Gflops(operands):F0} GFLOP/s{others} and {roof.ReadGBs:F1} GB/s from memory, measured just now on {roof.Where}, "
            + $"by the time taken; above 100 % the data came from caches.");
    }

    static string Row(string op, string calls, double time, double whole, string flops, string bytes, string limit) =>
        string.Create(CultureInfo.InvariantCulture,
        $"{op,-30} {calls,9} {1e3 * time,11:F2} {Percent(whole > 0 ? time / whole : 0),7} {flops,9} {bytes,8} {limit,7}").TrimEnd();

    static string Rate(long amount, double seconds, string format) =>
        amount == 0 || seconds == 0 ? "" : (amount / seconds * 1e-9).ToString(format, CultureInfo.InvariantCulture);

    static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:F1} %");
}
