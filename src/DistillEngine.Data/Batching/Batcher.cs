using DistillEngine.Core;

namespace DistillEngine.Data.Batching;

/// <summary>
/// Deals rows into steps of <c>Accumulate</c> micro-batches. <see cref="BeginStep"/> says what the next step holds; <see cref="Fill"/> then
/// fills one micro-batch after another. A row gives its predict sequence (number 2r, r counting the rows of the step) and, with a
/// rationale, its explain sequence (2r + 1). An epoch ends with what is left: its last step may have fewer micro-batches, the last of them
/// fewer rows (the published code carries an incomplete accumulation over into the next epoch instead). Nothing is allocated after
/// construction. Equal options and position give equal batches, on every machine.
/// </summary>
public sealed class Batcher
{
    // Streams keep the random numbers of the three purposes apart; the epoch is added to them.
    const ulong OrderStream = 1UL << 40;
    const ulong BucketStream = 2UL << 40;
    const ulong RationaleStream = 3UL << 40;

    readonly ExampleSet _examples;
    readonly BatcherOptions _options;
    readonly PublishedSampler? _sampler;
    readonly int[] _order;
    readonly long[] _keys;
    readonly int[] _batches;
    readonly int[] _window;
    int _epoch;
    int _stepStart;
    int _stepEnd;
    int _next;

    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public Batcher(ExampleSet examples, BatcherOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.BatchRows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Accumulate);
        ArgumentOutOfRangeException.ThrowIfNegative(options.BucketSteps);
        (_examples, _options) = (examples, options);
        Limits = BatchPlanner.LimitsFor(examples, options.BatchRows);
        _order = new int[examples.Count];
        if (options.Order == RowOrder.Published)
        {
            if (options.Seed > uint.MaxValue)
                throw new ArgumentException($"The published order takes seeds up to {uint.MaxValue}, not {options.Seed}.", nameof(options));
            _sampler = new PublishedSampler((uint)options.Seed, examples.Count);
        }
        int window = (int)Math.Min((long)StepRows * options.BucketSteps, examples.Count);
        (_keys, _window, _batches) = (new long[window], new int[window], new int[window / options.BatchRows]);
        StartEpoch(0);
    }

    /// <summary>What a batch must have room for, whatever order the rows come in.</summary>
    public BatchLimits Limits { get; }

    /// <summary>Where the next step starts, or, within a step, where that step started.</summary>
    public DataPosition Position => new(_epoch, _stepStart, _options.Seed);

    int StepRows => (int)Math.Min((long)_options.BatchRows * _options.Accumulate, int.MaxValue);

    /// <summary>Goes to a position taken from a batcher of the same rows and options.</summary>
    /// <exception cref="ArgumentException">The position belongs to another seed, or lies outside the rows.</exception>
    public void Seek(DataPosition position)
    {
        if (position.Seed != _options.Seed)
            throw new ArgumentException($"The position belongs to seed {position.Seed}, this run has seed {_options.Seed}; resume "
                + "with the seed the run began with.", nameof(position));
        bool isInside = position is { Epoch: >= 0, Row: >= 0 } && position.Row <= _examples.Count;
        if (!isInside || (position.Row < _examples.Count && position.Row % StepRows != 0))
            throw new ArgumentException($"Row {position.Row} of epoch {position.Epoch} starts no step of {StepRows} rows among "
                + $"{_examples.Count}; resume with the data, batch and accumulation the run began with.", nameof(position));
        StartEpoch(position.Epoch);
        _stepStart = _stepEnd = _next = position.Row;
    }

    /// <summary>Moves on to the next step, into the next epoch where this one is done, and says what it holds.</summary>
    /// <exception cref="InvalidOperationException">Micro-batches of the step before were not taken.</exception>
    public StepPlan BeginStep()
    {
        if (_next != _stepEnd)
            throw new InvalidOperationException($"The step has {_stepEnd - _next} rows that were not taken; "
                + "call Fill for every micro-batch.");
        if (_stepEnd == _examples.Count) StartEpoch(_epoch + 1);
        _stepStart = _next = _stepEnd;
        _stepEnd = (int)Math.Min((long)_stepStart + StepRows, _examples.Count);
        return Plan();
    }

    /// <summary>Fills the next micro-batch of the step begun.</summary>
    /// <param name="destination">Cleared, then filled; made with <see cref="Limits"/> or larger ones.</param>
    /// <exception cref="InvalidOperationException">The step has no further micro-batch.</exception>
    public void Fill(Batch destination)
    {
        if (_next == _stepEnd) throw new InvalidOperationException("The step has no further micro-batch; call BeginStep first.");
        destination.Clear();
        int end = (int)Math.Min((long)_next + _options.BatchRows, _stepEnd);
        for (; _next < end; _next++)
        {
            int row = _order[_next];
            int sequence = 2 * (_next - _stepStart);
            float weight = _examples.Weight(row);
            destination.Add(_examples.PredictSource(row), _examples.Label(row), TaskKind.Label, weight, sequence, _examples.StartId);
            if (_examples.RationaleCount(row) > 0)
                destination.Add(_examples.ExplainSource(row), _examples.Rationale(row, DrawRationale(row)), TaskKind.Rationale, weight,
                    sequence + 1, _examples.StartId);
        }
        if (_next == _stepEnd) _stepStart = _stepEnd;
    }

    StepPlan Plan()
    {
        int sequences = 0, sourceTokens = 0, labelTokens = 0, rationaleTokens = 0;
        double weightedLabelTokens = 0, weightedRationaleTokens = 0;
        foreach (int row in _order.AsSpan(_stepStart, _stepEnd - _stepStart))
        {
            int labels = _examples.Label(row).Length;
            int rationales = _examples.RationaleCount(row) > 0 ? _examples.Rationale(row, DrawRationale(row)).Length : 0;
            sequences += rationales > 0 ? 2 : 1;
            sourceTokens += _examples.SourceTokens(row);
            labelTokens += labels;
            rationaleTokens += rationales;
            weightedLabelTokens += (double)labels * _examples.Weight(row);
            weightedRationaleTokens += (double)rationales * _examples.Weight(row);
        }
        int rows = _stepEnd - _stepStart;
        int microBatches = (int)(((long)rows + _options.BatchRows - 1) / _options.BatchRows);
        return new(microBatches, rows, sequences, sourceTokens, labelTokens, rationaleTokens, weightedLabelTokens, weightedRationaleTokens);
    }

    int DrawRationale(int row)
    {
        int count = _examples.RationaleCount(row);
        return count == 1 ? 0 : CounterRandom.Below(count, _options.Seed, RationaleStream + (ulong)_epoch, (ulong)row);
    }

    void StartEpoch(int epoch)
    {
        _epoch = epoch;
        _stepStart = _stepEnd = _next = 0;
        if (_sampler is not null)
        {
            _sampler.Fill(epoch, _order);
        }
        else
        {
            for (int i = 0; i < _order.Length; i++) _order[i] = i;
            if (_options.Order == RowOrder.Shuffled) CounterRandom.Shuffle(_order, _options.Seed, OrderStream + (ulong)epoch);
        }
        if (_window.Length <= _options.BatchRows) return;
        for (int start = 0; start < _order.Length; start += _window.Length)
            Bucket(_order.AsSpan(start, Math.Min(_window.Length, _order.Length - start)), (ulong)start);
    }

    /// <summary>Sorts the rows of a window by length, cuts them into batches and shuffles these; a short last batch stays last.</summary>
    void Bucket(Span<int> rows, ulong start)
    {
        var keys = _keys.AsSpan(0, rows.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            // The place in the order drawn breaks ties, so that the result does not hang on the sort's own stability.
            long length = (long)_examples.SourceTokens(rows[i]) + _examples.MaxTargetTokens(rows[i]);
            keys[i] = (length << 32) | (uint)i;
        }
        keys.Sort();
        for (int i = 0; i < rows.Length; i++) _window[i] = rows[(int)(uint)keys[i]];
        int batchRows = _options.BatchRows;
        var batches = _batches.AsSpan(0, rows.Length / batchRows);
        for (int i = 0; i < batches.Length; i++) batches[i] = i;
        CounterRandom.Shuffle(batches, _options.Seed, BucketStream + ((ulong)_epoch << 44) + start);
        for (int i = 0; i < batches.Length; i++) _window.AsSpan(batches[i] * batchRows, batchRows).CopyTo(rows[(i * batchRows)..]);
        int done = batches.Length * batchRows;
        _window.AsSpan(done, rows.Length - done).CopyTo(rows[done..]);
    }
}
