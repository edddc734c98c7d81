using DistillEngine.Core;

namespace DistillEngine.Verification;

/// <summary>Rows as the references take them, padded to rectangles, and as the engine takes them, one behind the other.</summary>
sealed class PaddedBatch
{
    readonly int[][] _sources, _labels;

    PaddedBatch(int[][] sources, int[][] labels, int sourceWidth, int targetWidth) =>
        (_sources, _labels, SourceWidth, TargetWidth) = (sources, labels, sourceWidth, targetWidth);

    public int Rows => _sources.Length;

    /// <summary>Columns of the sources' rectangle.</summary>
    public int SourceWidth { get; }

    /// <summary>Columns of the labels' rectangle; 0 without labels.</summary>
    public int TargetWidth { get; }

    public int SourceTokens => _sources.Sum(s => s.Length);

    public int TargetTokens => _labels.Sum(l => l.Length);

    public int MaxSourceLength => _sources.Max(s => s.Length);

    public int MaxTargetLength => Math.Max(1, _labels.Max(l => l.Length));

    /// <summary>Label positions that the loss counts.</summary>
    public int CountedTokens => _labels.Sum(l => l.Count(id => id != Batch.IgnoredLabel));

    /// <summary>Source ids of a row without padding.</summary>
    public ReadOnlySpan<int> Source(int row) => _sources[row];

    /// <summary>Labels of a row without the uncounted ones at its end, but for one where nothing counts.</summary>
    public ReadOnlySpan<int> Labels(int row) => _labels[row];

    /// <param name="prefix">What stands before <c>input_ids</c>, <c>attention_mask</c> and <c>labels</c>; prompts have no labels.</param>
    /// <param name="vocabulary">Rows of the embedding, which ids must stay below.</param>
    /// <exception cref="InvalidDataException">Shapes differ, a mask has holes, or an id lies outside the vocabulary.</exception>
    public static PaddedBatch Read(GoldenTensors file, string prefix, int vocabulary)
    {
        string idsName = prefix + "input_ids", maskName = prefix + "attention_mask", labelsName = prefix + "labels";
        long[] shape = file.Shape(idsName, 2);
        var (rows, width) = ((int)shape[0], (int)shape[1]);
        int[] ids = file.Integers(idsName), mask = file.Integers(maskName);
        if (mask.Length != ids.Length) throw file.Error(maskName, $"has {mask.Length} elements, expected {ids.Length} as '{idsName}'");
        CheckIds(file, idsName, ids, vocabulary, allowsIgnored: false);
        int[][] sources = [.. Enumerable.Range(0, rows)
            .Select(r => Trim(file, maskName, r, ids.AsSpan(r * width, width), mask.AsSpan(r * width, width)))];
        if (!file.Contains(labelsName)) return new(sources, [.. sources.Select(_ => Array.Empty<int>())], width, 0);
        long[] labelShape = file.Shape(labelsName, 2);
        if (labelShape[0] != rows) throw file.Error(labelsName, $"has {labelShape[0]} rows, expected {rows} as '{idsName}'");
        int targetWidth = (int)labelShape[1];
        int[] labels = file.Integers(labelsName);
        CheckIds(file, labelsName, labels, vocabulary, allowsIgnored: true);
        int[][] trimmed = [.. Enumerable.Range(0, rows).Select(r => TrimLabels(labels.AsSpan(r * targetWidth, targetWidth)))];
        return new(sources, trimmed, width, targetWidth);
    }

    /// <summary>Rows that are lists of ids already.</summary>
    public static PaddedBatch Of(int[][] sources, int[][] labels) =>
        new(sources, labels, sources.Max(s => s.Length), labels.Max(l => l.Length));

    /// <summary>Appends all rows; sequence numbers go on from those that are there.</summary>
    public void AddTo(Batch batch, TaskKind task, int startId)
    {
        for (int r = 0; r < Rows; r++) batch.Add(_sources[r], _labels[r], task, 1, batch.SequenceCount, startId);
    }

    /// <summary>Limits of a model that takes all of some batches together.</summary>
    public static BatchLimits LimitsOf(params IReadOnlyList<PaddedBatch> together) =>
        new(together.Sum(b => b.Rows), together.Sum(b => b.SourceTokens),
            Math.Max(together.Sum(b => b.Rows), together.Sum(b => b.TargetTokens)), together.Max(b => b.MaxSourceLength),
            together.Max(b => b.MaxTargetLength));

    static int[] Trim(GoldenTensors file, string name, int row, ReadOnlySpan<int> ids, ReadOnlySpan<int> mask)
    {
        int length = mask.IndexOf(0);
        if (length < 0) length = mask.Length;
        if (length == 0 || mask[..length].ContainsAnyExcept(1) || mask[length..].ContainsAnyExcept(0))
            throw file.Error(name, $"has a row {row} that is not ones followed by zeros, with at least one of them");
        return ids[..length].ToArray();
    }

    // A packed engine needs no uncounted positions at a row's end; those inside a row stay, for what follows them attends to them.
    static int[] TrimLabels(ReadOnlySpan<int> labels) =>
        labels[..Math.Max(1, labels.LastIndexOfAnyExcept(Batch.IgnoredLabel) + 1)].ToArray();

    static void CheckIds(GoldenTensors file, string name, ReadOnlySpan<int> ids, int vocabulary, bool allowsIgnored)
    {
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)vocabulary && !(allowsIgnored && id == Batch.IgnoredLabel))
                throw file.Error(name, $"holds the id {id}, expected 0 to {vocabulary - 1}");
        }
    }
}
