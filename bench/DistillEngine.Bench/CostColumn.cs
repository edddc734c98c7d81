using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>A column computed from a row's median time and cost, and from the limits that <see cref="Roofline"/> measured in the same run:
/// its fastest iterations, since a limit is what was reached once.</summary>
sealed class CostColumn(string name, string legend, string format, Func<Cost, double, Cost, double> value) : IColumn
{
    public static IColumn[] All { get; } =
    [
        new CostColumn("GFLOP/s", "10⁹ floating-point operations a second; a fused multiply-add counts two", "F1",
            (cost, seconds, _) => cost.Flops / seconds * 1e-9),
        new CostColumn("GB/s", "10⁹ bytes of compulsory memory traffic a second", "F1", (cost, seconds, _) => cost.Bytes / seconds * 1e-9),
        new CostColumn("Limit", "Time that the roofline of this run allows, for arithmetic or memory, by the median time", "P0",
            (cost, seconds, limits) => Math.Max((double)cost.Flops / limits.Flops, (double)cost.Bytes / limits.Bytes) / seconds),
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
        string name = benchmarkCase.Descriptor.WorkloadMethod.Name;
        double result = value(op.CostOf(name), times.Median * 1e-9, Limits(summary, op.OperandsOf(name)));
        return double.IsFinite(result) ? result.ToString(format, CultureInfo.InvariantCulture) : "-";
    }

    /// <summary>Operations and bytes a second; 0 where the roofline was not part of the run.</summary>
    static Cost Limits(Summary summary, ComputePrecision operands)
    {
        long flops = 0, bytes = 0;
        foreach (BenchmarkCase row in summary.BenchmarksCases)
        {
            if (row.Descriptor.Type != typeof(Roofline) || summary[row]?.ResultStatistics is not { } times) continue;
            Cost cost = new Roofline().LimitOf(row.Descriptor.WorkloadMethod.Name, operands);
            double seconds = times.Min * 1e-9;
            flops = Math.Max(flops, (long)(cost.Flops / seconds));
            bytes = Math.Max(bytes, (long)(cost.Bytes / seconds));
        }
        return new(flops, bytes);
    }
}
