using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using TorchSharp;

namespace DistillEngine.Compare;

/// <summary>The works that are compared.</summary>
/// <param name="type">Type of libtorch's products.</param>
/// <param name="rounds">Turns of each.</param>
sealed class Comparison(string model, torch.ScalarType type, int threads, int rounds)
{
    /// <summary>A training step.</summary>
    /// <param name="options">Of our side.</param>
    public Duel Step(StepBenchOptions options, CancellationToken cancel)
    {
        using CpuBackend backend = CpuBackend.Open(threads);
        using var ours = new StepBench(options, backend);
        using var theirs = new TorchStep(ours.Model, ours.Batch, type);
        ours.Model.Forward(ours.Batch, DropoutSettings.Off);
        float[] nats = new float[ours.Batch.TargetTokenCount];
        backend.Download(ours.Model.TokenNats, nats.AsSpan());
        string agreement = FormattableString.Invariant($"loss {MeanLoss(ours.Batch, nats):F5} and {theirs.LossWithoutDropout():F5}");
        string work = $"{model}, step{(options.StepByStep ? ", step-by-step" : "")}, batch {options.Batch}";
        return Duel.Run(work, () => ours.Step(), theirs.Step, rounds, agreement, cancel);
    }

    /// <summary>A greedy generation.</summary>
    /// <inheritdoc cref="Step"/>
    public Duel Decode(DecodeBenchOptions options, CancellationToken cancel)
    {
        using CpuBackend backend = CpuBackend.Open(threads);
        using var ours = new DecodeBench(options, backend);
        using var theirs = new TorchDecode(ours.Model, ours.Batch, options.Tokens, type);
        string agreement = Agreement(ours.Generate(), theirs.Generate(), options.Tokens);
        string work = $"{model}, {options.Source} to {options.Tokens} tokens, batch {options.Batch}";
        return Duel.Run(work, () => ours.Generate(), () => theirs.Generate(), rounds, agreement, cancel);
    }

    /// <summary>Mean over the tasks of their tokens' mean.</summary>
    static double MeanLoss(Batch batch, float[] nats) => Enumerable.Range(0, batch.SequenceCount).GroupBy(s => batch.Tasks[s])
        .Average(rows => rows.SelectMany(s => nats[batch.TargetStarts[s]..batch.TargetStarts[s + 1]]).Average(nat => (double)nat));

    static string Agreement(ReadOnlySpan<int> ours, long[] theirs, int tokens)
    {
        int same = 0;
        for (int i = 0; i < theirs.Length; i++)
            if (ours[i / tokens * (1 + tokens) + 1 + i % tokens] == theirs[i]) same++;
        return $"{same} of {theirs.Length} tokens equal";
    }
}
