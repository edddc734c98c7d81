using DistillEngine.Core;
using DistillEngine.Data.Batching;

namespace DistillEngine.Training;

/// <summary>
/// The two losses of a step and what each token weighs in them. A token of row weight w in task t with coefficient a_t weighs
/// a_t · w / W_t, where W_t sums the weights of the task's counted tokens: over the step, or over the micro-batch and divided by their
/// number. The tasks never share a mean.
/// </summary>
struct LossSums
{
    readonly AccumulateMean _mean;
    readonly int _microBatches;
    readonly double _labelCoefficient, _rationaleCoefficient;
    double _labelWeight, _rationaleWeight;

    /// <param name="plan">Counts of the step; every target token of a batcher is counted.</param>
    public LossSums(TrainerSettings settings, in StepPlan plan)
        : this(settings, plan.MicroBatches, plan.WeightedLabelTokens, plan.WeightedRationaleTokens)
    {
    }

    public LossSums(TrainerSettings settings, ReadOnlySpan<Batch> microBatches)
        : this(settings, microBatches.Length, 0, 0)
    {
        double label = 0, rationale = 0;
        foreach (Batch micro in microBatches)
        {
            var (microLabel, microRationale) = Weigh(micro);
            label += microLabel;
            rationale += microRationale;
        }
        this = new LossSums(settings, microBatches.Length, label, rationale);
    }

    LossSums(TrainerSettings settings, int microBatches, double labelWeight, double rationaleWeight)
    {
        (_mean, _microBatches, _labelWeight, _rationaleWeight) = (settings.AccumulateMean, microBatches, labelWeight, rationaleWeight);
        (_labelCoefficient, _rationaleCoefficient) = rationaleWeight > 0 ? (settings.Alpha, 1 - settings.Alpha) : (1, 0);
        RationaleLoss = rationaleWeight > 0 ? 0 : double.NaN;
    }

    public double LabelLoss { get; private set; }

    /// <summary>NaN where the step has no rationale.</summary>
    public double RationaleLoss { get; private set; }

    public readonly double Loss => _labelCoefficient * LabelLoss + (_rationaleCoefficient > 0 ? _rationaleCoefficient * RationaleLoss : 0);

    /// <summary>Call before a micro-batch: where its own means count, its own weights do.</summary>
    public void BeginMicroBatch(Batch micro)
    {
        if (_mean == AccumulateMean.MicroBatches) (_labelWeight, _rationaleWeight) = Weigh(micro);
    }

    /// <summary>Derivative of the step's loss by each token's nats.</summary>
    public readonly void WriteRowWeights(Batch micro, Span<float> weights)
    {
        for (int s = 0; s < micro.SequenceCount; s++)
        {
            double coefficient = micro.Tasks[s] == TaskKind.Label ? _labelCoefficient : _rationaleCoefficient;
            weights[micro.TargetStarts[s]..micro.TargetStarts[s + 1]].Fill((float)(coefficient * Share(micro, s)));
        }
    }

    /// <summary>Part of its task's mean that one token of each sequence makes up.</summary>
    public readonly void WriteShares(Batch micro, Span<double> shares)
    {
        for (int s = 0; s < micro.SequenceCount; s++) shares[s] = Share(micro, s);
    }

    /// <summary>Adds a micro-batch's part of both means.</summary>
    /// <param name="nats">−log p of each target token, 0 where it is not counted.</param>
    /// <param name="starts">First token of each sequence, and the end of the last.</param>
    /// <param name="shares">As <see cref="WriteShares"/> gave them.</param>
    public void Add(ReadOnlySpan<float> nats, ReadOnlySpan<int> starts, ReadOnlySpan<TaskKind> tasks, ReadOnlySpan<double> shares, int sequences)
    {
        for (int s = 0; s < sequences; s++)
        {
            double sum = 0;
            foreach (float nat in nats[starts[s]..starts[s + 1]]) sum += nat;
            if (tasks[s] == TaskKind.Label) LabelLoss += sum * shares[s];
            else RationaleLoss += sum * shares[s];
        }
    }

    readonly double Share(Batch micro, int sequence)
    {
        double weight = micro.Tasks[sequence] == TaskKind.Label ? _labelWeight : _rationaleWeight;
        if (weight == 0) return 0;
        double parts = _mean == AccumulateMean.MicroBatches ? _microBatches : 1;
        return micro.Weights[sequence] / weight / parts;
    }

    static (double Label, double Rationale) Weigh(Batch micro)
    {
        double label = 0, rationale = 0;
        for (int s = 0; s < micro.SequenceCount; s++)
        {
            int counted = 0;
            for (int t = micro.TargetStarts[s]; t < micro.TargetStarts[s + 1]; t++)
                if (micro.Labels[t] != Batch.IgnoredLabel) counted++;
            if (micro.Tasks[s] == TaskKind.Label) label += (double)counted * micro.Weights[s];
            else rationale += (double)counted * micro.Weights[s];
        }
        return (label, rationale);
    }
}
