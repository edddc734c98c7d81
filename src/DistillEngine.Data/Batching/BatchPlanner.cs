using DistillEngine.Core;

namespace DistillEngine.Data.Batching;

/// <summary>Finds how large batches can get, so that memory is planned before the first step.</summary>
public static class BatchPlanner
{
    /// <summary>Limits that every batch of <paramref name="batchRows"/> rows of these examples keeps, and that some order
    /// reaches.</summary>
    public static BatchLimits LimitsFor(ExampleSet examples, int batchRows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchRows);
        int count = Math.Min(batchRows, examples.Count);
        int[] sources = new int[examples.Count];
        int[] targets = new int[examples.Count];
        int maxSource = 0, maxTarget = 0;
        for (int row = 0; row < examples.Count; row++)
        {
            sources[row] = examples.SourceTokens(row);
            targets[row] = examples.MaxTargetTokens(row);
            int explain = examples.RationaleCount(row) > 0 ? examples.ExplainSource(row).Length : 0;
            maxSource = Math.Max(maxSource, Math.Max(examples.PredictSource(row).Length, explain));
            maxTarget = Math.Max(maxTarget, Math.Max(examples.Label(row).Length, examples.MaxRationaleTokens(row)));
        }
        int sequences = count + Math.Min(count, examples.RowsWithRationale);
        return new(sequences, SumOfLargest(sources, count), SumOfLargest(targets, count), maxSource, maxTarget);
    }

    static int SumOfLargest(int[] values, int count)
    {
        Array.Sort(values);
        int sum = 0;
        foreach (int value in values.AsSpan(values.Length - count)) checked { sum += value; }
        return sum;
    }
}
