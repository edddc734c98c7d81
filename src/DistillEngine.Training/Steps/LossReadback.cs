using DistillEngine.Core;

namespace DistillEngine.Training;

/// <summary>
/// The losses of a step on their way from the device: each micro-batch's are copied in their turn, and all are added once the device was waited
/// for. What a loss counts is noted when its copy is queued, since the batch may be filled anew before.
/// </summary>
sealed class LossReadback(IDevice device, BatchLimits limits) : IDisposable
{
    readonly List<MicroBatch> _microBatches = [];
    int _count;

    /// <summary>Queues the copy of a micro-batch's losses.</summary>
    /// <param name="nats">float32 [target rows].</param>
    public void Queue(Tensor nats, Batch batch, in LossSums sums)
    {
        if (_count == _microBatches.Count) _microBatches.Add(new MicroBatch(limits));
        MicroBatch micro = _microBatches[_count++];
        micro.Sequences = batch.SequenceCount;
        sums.WriteShares(batch, micro.Shares);
        batch.Tasks.AsSpan(0, batch.SequenceCount).CopyTo(micro.Tasks);
        batch.TargetStarts.AsSpan(0, batch.SequenceCount + 1).CopyTo(micro.Starts);
        device.BeginDownload(nats, micro.Nats.First((int)nats.Count));
    }

    /// <summary>Adds everything that was queued; the device was waited for.</summary>
    public void AddTo(ref LossSums sums)
    {
        for (int i = 0; i < _count; i++)
        {
            MicroBatch micro = _microBatches[i];
            sums.Add(micro.Nats.HostSpan<float>(), micro.Starts, micro.Tasks, micro.Shares, micro.Sequences);
        }
        _count = 0;
    }

    public void Dispose()
    {
        foreach (MicroBatch micro in _microBatches) micro.Dispose();
    }

    sealed class MicroBatch(BatchLimits limits) : IDisposable
    {
        readonly HostBuffer _buffer = new(sizeof(float) * (long)limits.MaxTargetTokens, "losses of a micro-batch");

        public Tensor Nats => new(_buffer, 0, new(limits.MaxTargetTokens), DType.F32, "losses of a micro-batch");

        public double[] Shares { get; } = new double[limits.MaxSequences];

        public TaskKind[] Tasks { get; } = new TaskKind[limits.MaxSequences];

        public int[] Starts { get; } = new int[limits.MaxSequences + 1];

        public int Sequences { get; set; }

        public void Dispose() => _buffer.Dispose();
    }
}
