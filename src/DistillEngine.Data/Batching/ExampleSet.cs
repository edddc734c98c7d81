namespace DistillEngine.Data.Batching;

/// <summary>Encoded examples in flat arrays: all ids one after another, and where each text starts.</summary>
public sealed class ExampleSet
{
    readonly int[] _ids;
    readonly int[] _starts;
    readonly int[] _firstTexts;
    readonly float[] _weights;

    ExampleSet(int[] ids, int[] starts, int[] firstTexts, float[] weights, int startId)
    {
        (_ids, _starts, _firstTexts, _weights, StartId) = (ids, starts, firstTexts, weights, startId);
        for (int row = 0; row < Count; row++)
        {
            if (RationaleCount(row) > 0) RowsWithRationale++;
        }
    }

    /// <summary>Rows.</summary>
    public int Count => _weights.Length;

    /// <summary>Rows that train a rationale too.</summary>
    public int RowsWithRationale { get; }

    /// <summary>Id that starts every decoder input.</summary>
    public int StartId { get; }

    /// <summary>Ids of all texts together.</summary>
    public int TokenCount => _ids.Length;

    /// <exception cref="ArgumentException">There are no examples, or a weight is not finite and above 0.</exception>
    public static ExampleSet Encode(IReadOnlyList<TrainingExample> examples, TaskEncoder encoder)
    {
        if (examples.Count == 0) throw new ArgumentException("There are no examples.", nameof(examples));
        bool hasExplain = encoder.Method == TrainingMethod.StepByStep;
        var ids = new List<int>();
        var starts = new List<int> { 0 };
        int[] firstTexts = new int[examples.Count + 1];
        float[] weights = new float[examples.Count];
        for (int row = 0; row < examples.Count; row++)
        {
            var example = examples[row];
            if (!float.IsFinite(example.Weight) || example.Weight <= 0)
                throw new ArgumentException($"row {example.Id}: the weight is {example.Weight} "
                    + "(expected a finite number above 0).", nameof(examples));
            firstTexts[row] = starts.Count - 1;
            weights[row] = example.Weight;
            encoder.EncodeInput(example.Segments, Core.TaskKind.Label, ids);
            starts.Add(ids.Count);
            encoder.EncodeLabel(example.Label, ids);
            starts.Add(ids.Count);
            if (!hasExplain || example.Rationales.Count == 0) continue;
            encoder.EncodeInput(example.Segments, Core.TaskKind.Rationale, ids);
            starts.Add(ids.Count);
            foreach (string rationale in example.Rationales)
            {
                encoder.EncodeRationale(rationale, ids);
                starts.Add(ids.Count);
            }
        }
        firstTexts[^1] = starts.Count - 1;
        return new([.. ids], [.. starts], firstTexts, weights, encoder.StartId);
    }

    public float Weight(int row) => _weights[row];

    /// <summary>Source ids of the predict task.</summary>
    public ReadOnlySpan<int> PredictSource(int row) => Text(_firstTexts[row]);

    /// <summary>Target ids of the predict task.</summary>
    public ReadOnlySpan<int> Label(int row) => Text(_firstTexts[row] + 1);

    /// <summary>How many rationales the row has to draw from; 0 where it trains none.</summary>
    public int RationaleCount(int row) => Math.Max(0, _firstTexts[row + 1] - _firstTexts[row] - 3);

    /// <summary>Source ids of the explain task; only for rows with a rationale.</summary>
    public ReadOnlySpan<int> ExplainSource(int row) => Text(_firstTexts[row] + 2);

    /// <summary>Target ids of the explain task.</summary>
    public ReadOnlySpan<int> Rationale(int row, int index) => Text(_firstTexts[row] + 3 + index);

    /// <summary>Source tokens of both tasks.</summary>
    public int SourceTokens(int row) => PredictSource(row).Length + (RationaleCount(row) > 0 ? ExplainSource(row).Length : 0);

    /// <summary>Target tokens of both tasks, with the longest rationale.</summary>
    public int MaxTargetTokens(int row) => Label(row).Length + MaxRationaleTokens(row);

    /// <summary>Tokens of the row's longest rationale, or 0.</summary>
    public int MaxRationaleTokens(int row)
    {
        int longest = 0;
        for (int i = 0; i < RationaleCount(row); i++) longest = Math.Max(longest, Rationale(row, i).Length);
        return longest;
    }

    ReadOnlySpan<int> Text(int index) => _ids.AsSpan(_starts[index], _starts[index + 1] - _starts[index]);
}
