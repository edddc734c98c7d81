using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using TorchSharp;

namespace DistillEngine.Compare;

/// <summary>The works that are compared.</summary>
/// <param name="rounds">Turns of each.</param>
sealed class Comparison(string model, int threads, int rounds)
{
    // Products take milliseconds.
    const int ShortRounds = 25;

    /// <summary>A linear map of many rows. In bf16 libtorch takes and gives bf16 numbers, the engine float32 ones that it rounds on the way.</summary>
    /// <param name="type">Type of both sides' products.</param>
    public Duel Product(int rows, int inputs, int outputs, ComputePrecision type, CancellationToken cancel)
    {
        using CpuBackend backend = CpuBackend.Open(threads, type);
        using var product = new ProductPair(backend, rows, inputs, outputs, TypeOf(type));
        product.Ours();
        product.Theirs();
        string agreement = FormattableString.Invariant($"largest difference {product.LargestDifference():E1} of the largest element");
        return Duel.Run($"product {rows} × {inputs} × {outputs}, {NameOf(type)}", product.Ours, product.Theirs, Math.Max(rounds, ShortRounds), agreement, cancel);
    }

    /// <summary>A training step.</summary>
    /// <param name="options">Of our side.</param>
    /// <param name="type">Type of both sides' products.</param>
    public Duel Step(StepBenchOptions options, ComputePrecision type, CancellationToken cancel)
    {
        using CpuBackend backend = CpuBackend.Open(threads, type);
        using var ours = new StepBench(options, backend);
        using var theirs = new TorchStep(ours.Model, ours.Batch, TypeOf(type));
        ours.Model.Forward(ours.Batch, DropoutSettings.Off);
        float[] nats = new float[ours.Batch.TargetTokenCount];
        backend.Download(ours.Model.TokenNats, nats.AsSpan());
        string agreement = FormattableString.Invariant($"loss {MeanLoss(ours.Batch, nats):F5} and {theirs.LossWithoutDropout():F5}");
        string work = $"{model}, step{(options.StepByStep ? ", step-by-step" : "")}, batch {options.Batch}, {NameOf(type)}";
        return Duel.Run(work, () => ours.Step(), theirs.Step, rounds, agreement, cancel);
    }

    /// <summary>A greedy generation.</summary>
    /// <param name="options">Of our side.</param>
    /// <param name="type">In bf16 both sides hold their matrices in it.</param>
    public Duel Decode(DecodeBenchOptions options, ComputePrecision type, CancellationToken cancel)
    {
        using CpuBackend backend = CpuBackend.Open(threads);
        using var ours = new DecodeBench(options with { Weights = type == ComputePrecision.Bf16 ? WeightForm.BF16 : WeightForm.F32 }, backend);
        using TorchDecode theirs = Peer(options, backend, TypeOf(type));
        string agreement = Agreement(ours.Generate(), theirs.Generate(), options.Tokens);
        string work = $"{model}, {options.Source} to {options.Tokens} tokens, batch {options.Batch}, {NameOf(type)}";
        return Duel.Run(work, () => ours.Generate(), () => theirs.Generate(), rounds, agreement, cancel);
    }

    /// <summary>Takes its weights, unrounded, from a model in float32.</summary>
    static TorchDecode Peer(DecodeBenchOptions options, CpuBackend backend, torch.ScalarType type)
    {
        T5Config config = BenchModel.Config(options.Model);
        Batch batch = DecodeBench.RandomBatch(options, config);
        using var source = new T5Model(config, batch.Limits, backend, training: false);
        BenchModel.Fill(source, options.Model);
        return new TorchDecode(source, batch, options.Tokens, type);
    }

    static torch.ScalarType TypeOf(ComputePrecision type) => type == ComputePrecision.Bf16 ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32;

    static string NameOf(ComputePrecision type) => type == ComputePrecision.Bf16 ? "bf16" : "f32";

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
