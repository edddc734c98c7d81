using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Model;

/// <summary>The integer side of a batch on the device: tokens, dropout keys and attention spans.</summary>
sealed class BatchOnDevice
{
    readonly IDevice _device;
    readonly Slot _sourceIds, _sourceKeys, _sourceSpans, _targetIds, _targetKeys, _targetSpans, _crossSpans, _labels, _sourceOrder, _targetOrder;
    readonly int[] _keys, _spans;
    readonly long[]? _orderKeys;

    /// <param name="ordersRows">Whether the embedding's backward on this device uses the order of rows by their ids.</param>
    public BatchOnDevice(ModelPlan plan, IDevice device, bool ordersRows)
    {
        _device = device;
        BatchLimits limits = plan.Limits;
        _sourceIds = plan.Arena.Persistent("source.ids", new(limits.MaxSourceTokens), DType.I32);
        _sourceKeys = plan.Arena.Persistent("source.keys", new(limits.MaxSourceTokens), DType.I32);
        _sourceSpans = plan.Arena.Persistent("source.spans", new(limits.MaxSequences, AttentionSpan.Fields), DType.I32);
        _targetIds = plan.Arena.Persistent("target.ids", new(limits.MaxTargetTokens), DType.I32);
        _targetKeys = plan.Arena.Persistent("target.keys", new(limits.MaxTargetTokens), DType.I32);
        _targetSpans = plan.Arena.Persistent("target.spans", new(limits.MaxSequences, AttentionSpan.Fields), DType.I32);
        _crossSpans = plan.Arena.Persistent("cross.spans", new(limits.MaxSequences, AttentionSpan.Fields), DType.I32);
        _labels = plan.Arena.Persistent("labels", new(limits.MaxTargetTokens), DType.I32);
        if (plan.Training)
        {
            // Planned on every device: a plan is measured before a device is opened.
            _sourceOrder = plan.Arena.Persistent("source.order", new(limits.MaxSourceTokens), DType.I32);
            _targetOrder = plan.Arena.Persistent("target.order", new(limits.MaxTargetTokens), DType.I32);
            if (ordersRows) _orderKeys = new long[Math.Max(limits.MaxSourceTokens, limits.MaxTargetTokens)];
        }
        _keys = new int[Math.Max(limits.MaxSourceTokens, limits.MaxTargetTokens)];
        _spans = new int[limits.MaxSequences * AttentionSpan.Fields];
    }

    /// <summary>int32 [target rows].</summary>
    public Tensor Labels(Pass pass) => pass[_labels, pass.Target.Count];

    public RowSet UploadSource(Pass pass, Batch batch)
    {
        int rows = batch.SourceTokenCount;
        Tensor ids = pass[_sourceIds, rows], keys = pass[_sourceKeys, rows], spans = pass[_sourceSpans, batch.SequenceCount];
        _device.Upload<int>(batch.SourceIds.AsSpan(0, rows), ids);
        Tensor order = UploadOrder(pass, batch.SourceIds.AsSpan(0, rows), _sourceOrder);
        UploadKeys(batch, batch.SourceStarts, keys);
        UploadSpans(batch, batch.SourceStarts, batch.SourceStarts, spans);
        return new RowSet(rows, ids, order, keys, spans, default);
    }

    public RowSet UploadTarget(Pass pass, Batch batch)
    {
        int rows = batch.TargetTokenCount;
        Tensor ids = pass[_targetIds, rows], keys = pass[_targetKeys, rows];
        Tensor spans = pass[_targetSpans, batch.SequenceCount], crossSpans = pass[_crossSpans, batch.SequenceCount];
        _device.Upload<int>(batch.TargetInputIds.AsSpan(0, rows), ids);
        Tensor order = UploadOrder(pass, batch.TargetInputIds.AsSpan(0, rows), _targetOrder);
        _device.Upload<int>(batch.Labels.AsSpan(0, rows), pass[_labels, rows]);
        UploadKeys(batch, batch.TargetStarts, keys);
        UploadSpans(batch, batch.TargetStarts, batch.TargetStarts, spans);
        UploadSpans(batch, batch.TargetStarts, batch.SourceStarts, crossSpans);
        return new RowSet(rows, ids, order, keys, spans, crossSpans);
    }

    /// <summary>One new token for each of some sequences, in decoding.</summary>
    /// <param name="tokens">The last token of each active sequence.</param>
    /// <param name="sequences">Which sequences of the batch they belong to.</param>
    /// <param name="position">Tokens that each has before: 0 for the start token.</param>
    public RowSet UploadStep(Pass pass, Batch batch, ReadOnlySpan<int> tokens, ReadOnlySpan<int> sequences, int position, KvCache cache)
    {
        int rows = tokens.Length;
        Tensor ids = pass[_targetIds, rows], appendRows = pass[_targetKeys, rows];
        Tensor spans = pass[_targetSpans, rows], crossSpans = pass[_crossSpans, rows];
        _device.Upload(tokens, ids);
        // Nothing is dropped while decoding, so the keys' place holds where the cache takes the rows.
        for (int i = 0; i < rows; i++) _keys[i] = sequences[i] * cache.Capacity + position;
        _device.Upload<int>(_keys.AsSpan(0, rows), appendRows);
        cache.AppendRows = appendRows;
        for (int i = 0; i < rows; i++)
            WriteSpan(i, new(i, 1, sequences[i] * cache.Capacity, position + 1, position, sequences[i]));
        _device.Upload<int>(_spans.AsSpan(0, rows * AttentionSpan.Fields), spans);
        for (int i = 0; i < rows; i++)
        {
            int start = batch.SourceStarts[sequences[i]];
            WriteSpan(i, new(i, 1, start, batch.SourceStarts[sequences[i] + 1] - start, position, sequences[i]));
        }
        _device.Upload<int>(_spans.AsSpan(0, rows * AttentionSpan.Fields), crossSpans);
        return new RowSet(rows, ids, default, appendRows, spans, crossSpans);
    }

    Tensor UploadOrder(Pass pass, ReadOnlySpan<int> ids, Slot slot)
    {
        if (_orderKeys is null) return default;
        Tensor order = pass[slot, ids.Length];
        Span<int> rows = _keys.AsSpan(0, ids.Length);
        Embedding.OrderRows(ids, _orderKeys, rows);
        _device.Upload<int>(rows, order);
        return order;
    }

    void UploadKeys(Batch batch, int[] starts, Tensor keys)
    {
        for (int s = 0; s < batch.SequenceCount; s++)
            for (int row = starts[s]; row < starts[s + 1]; row++)
                _keys[row] = (int)CounterRng.RowKey(batch.SequenceIds[s], row - starts[s]);
        _device.Upload<int>(_keys.AsSpan(0, starts[batch.SequenceCount]), keys);
    }

    void UploadSpans(Batch batch, int[] queryStarts, int[] keyStarts, Tensor spans)
    {
        for (int s = 0; s < batch.SequenceCount; s++)
            WriteSpan(s, new(queryStarts[s], queryStarts[s + 1] - queryStarts[s], keyStarts[s], keyStarts[s + 1] - keyStarts[s], 0, batch.SequenceIds[s]));
        _device.Upload<int>(_spans.AsSpan(0, batch.SequenceCount * AttentionSpan.Fields), spans);
    }

    void WriteSpan(int index, AttentionSpan span)
    {
        Span<int> fields = _spans.AsSpan(index * AttentionSpan.Fields, AttentionSpan.Fields);
        (fields[0], fields[1], fields[2]) = (span.QueryStart, span.QueryCount, span.KeyStart);
        (fields[3], fields[4], fields[5]) = (span.KeyCount, span.QueryPosition, span.Sequence);
    }
}
