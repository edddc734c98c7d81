using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace DistillEngine.Bench;

/// <summary>What a row's op holds for a thread beside its operands, by <see cref="OpBenchmark.ScratchBytes"/>.</summary>
sealed class ScratchColumn : IColumn
{
    public string Id => nameof(ScratchColumn);

    public string ColumnName => "Scratch";

    public string Legend => "KiB that the op keeps for each thread beside its operands";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 1;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        using OpBenchmark? op = OpBenchmark.Of(benchmarkCase);
        long bytes = op?.ScratchBytes ?? 0;
        return bytes == 0 ? "-" : (bytes / 1024).ToString(CultureInfo.InvariantCulture);
    }
}
