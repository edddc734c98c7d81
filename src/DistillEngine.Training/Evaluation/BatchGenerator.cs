using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Training;

/// <summary>Decodes any number of sources: sorts them by length, packs them into batches, and gives the answers in the caller's order.</summary>
public sealed class BatchGenerator : IDisposable
{
    readonly T5Model _model;
    readonly GenerationOptions _options;
    readonly GreedyGenerator _generator;
    readonly Batch _batch;
    readonly int[] _sequences, _lengths;
    readonly int _rows;

    /// <param name="model">Its limits decide how many sources go together.</param>
    /// <param name="rows">Most sources decoded at a time.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the answers fit no array.</exception>
    /// <exception cref="InsufficientMemoryException">The device refuses the memory.</exception>
    public BatchGenerator(T5Model model, GenerationOptions options, int rows)
    {
        options.Validate();
        (_model, _options) = (model, options);
        _rows = Math.Min(rows, Math.Min(model.Limits.MaxSequences, model.Limits.MaxTargetTokens));
        GreedyGenerator.RequireIndexable(_rows, options.MaxNewTokens);
        _batch = new Batch(model.Limits);
        _sequences = new int[_rows * (1 + options.MaxNewTokens)];
        _lengths = new int[_rows];
        _generator = new GreedyGenerator(model, options.MaxNewTokens, options.CacheType);
    }

    /// <summary>Most tokens of an answer.</summary>
    public int MaxNewTokens => _options.MaxNewTokens;

    /// <summary>Answers so far that the limit of tokens ended before the model did.</summary>
    public int Unfinished { get; private set; }

    /// <summary>Limits of an inference model that decodes so many of these sources at a time.</summary>
    public static BatchLimits LimitsFor(IReadOnlyList<int[]> sources, int rows)
    {
        int count = Math.Min(rows, sources.Count);
        int tokens = sources.Select(s => s.Length).OrderDescending().Take(count).Sum();
        return new BatchLimits(count, tokens, count, sources.Max(s => s.Length), 1);
    }

    /// <param name="sources">Ids with the closing <c>&lt;/s&gt;</c>.</param>
    /// <param name="progress">Told how many are done, after each batch.</param>
    /// <returns>Ids of each answer, without start token, <c>&lt;/s&gt;</c> and padding.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled, which takes effect before the next token.</exception>
    public int[][] Generate(IReadOnlyList<int[]> sources, Action<int>? progress = null, CancellationToken cancel = default)
    {
        int[][] answers = new int[sources.Count][];
        int[] order = [.. Enumerable.Range(0, sources.Count).OrderByDescending(i => sources[i].Length).ThenBy(i => i)];
        for (int start = 0; start < order.Length;)
        {
            cancel.ThrowIfCancellationRequested();
            _batch.Clear();
            int end = start;
            while (end < order.Length && end - start < _rows && _batch.Fits(sources[order[end]].Length, 0))
            {
                _batch.Add(sources[order[end]], [], TaskKind.Label, 1, end - start, _model.Config.DecoderStartId);
                end++;
            }
            if (end == start)
                throw new ArgumentException($"A source of {sources[order[start]].Length} tokens exceeds the model's plan of "
                    + $"{_model.Limits.MaxSourceLength}.", nameof(sources));
            _generator.Generate(_batch, _options, _sequences, _lengths, cancel);
            for (int i = 0; i < end - start; i++) answers[order[start + i]] = Answer(i);
            start = end;
            progress?.Invoke(start);
        }
        return answers;
    }

    public void Dispose() => _generator.Dispose();

    int[] Answer(int sequence)
    {
        ReadOnlySpan<int> ids = _sequences.AsSpan(sequence * (1 + _options.MaxNewTokens), _lengths[sequence])[1..];
        if (ids.Length > 0 && ids[^1] == _model.Config.EosId) return ids[..^1].ToArray();
        Unfinished++;
        return ids.ToArray();
    }
}
