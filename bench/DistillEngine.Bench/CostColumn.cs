using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using DistillEngine.Benchmarks;
using DistillEngine.Core;

namespace DistillEngine.Bench;

/// <summary>A column computed from a row's median time and cost, and from the limits that <see cref="Roofline"/> measured in the same run:
/// its fastest iterations, since a limit is what was reached once.</summary>
sealed class CostColumn(string name, string legend, string format, Func<Cost, double, double, double> value) : IColumn
{
    public static IColumn[] All { get; } =
    [
        new CostColumn("GFLOP/s", "10⁹ floating-point operations a second; a fused multiply-add counts two", "F1",
            (cost, seconds, _) => cost.Flops / seconds * 1e-9),
        new CostColumn("GB/s", "10⁹ bytes of compulsory memory traffic a second", "F1", (cost, seconds, _) => cost.Bytes / seconds * 1e-9),
        new CostColumn("Limit", "Time that the roofline of this run allows, for arithmetic or memory, by the median time", "P0",
            (_, seconds, limit) => limit / seconds),
    ];

    public string Id => $"{nameof(CostColumn)}.{name}";

    public string ColumnName => name;

    public string Legend => legend;

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        if (OpBenchmark.Of(benchmarkCase) is not { } op || summary[benchmarkCase]?.ResultStatistics is not { } times) return "-";
        string benchmark = benchmarkCase.Descriptor.WorkloadMethod.Name;
        double result = value(op.CostOf(benchmark), times.Median * 1e-9, op.LimitSeconds(benchmark, Measured(summary)));
        return double.IsFinite(result) ? result.ToString(format, CultureInfo.InvariantCulture) : "-";
    }

    /// <summary>What the roofline reached in this run; 0 where it was not part of it, which makes limits infinite.</summary>
    static Roof Measured(Summary summary)
    {
        var (fp32, bf16, int8, bytes) = (0.0, 0.0, 0.0, 0.0);
        foreach (BenchmarkCase row in summary.BenchmarksCases)
        {
            if (row.Descriptor.Type != typeof(Roofline) || summary[row]?.ResultStatistics is not { } times) continue;
            string name = row.Descriptor.WorkloadMethod.Name;
            Cost cost = new Roofline().CostOf(name);
            // Work per nanosecond is 10⁹ a second.
            switch (name)
            {
                case nameof(Roofline.MultiplyAddPeak): fp32 = cost.Flops / times.Min; break;
                case nameof(Roofline.Bf16Peak): bf16 = cost.Flops / times.Min; break;
                case nameof(Roofline.Int8Peak): int8 = cost.Flops / times.Min; break;
                default: bytes = Math.Max(bytes, cost.Bytes / times.Min); break;
            }
        }
        return new(0, fp32, bf16, int8, bytes, bytes);
    }
}
