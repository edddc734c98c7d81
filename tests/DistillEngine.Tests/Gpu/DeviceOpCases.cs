using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Kernels;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The CPU's op cases on any device, at shapes that the emulator finishes within seconds: edges of tiles, groups and axes, empty
/// rows, aliases, dropout, extremes.</summary>
static class DeviceOpCases
{
    static readonly int[] Lengths = [1, 3, 4, 5, 17, 130];

    /// <summary>Each op's case, by name.</summary>
    public static IReadOnlyDictionary<string, Action<KernelSet>> All { get; } = new Dictionary<string, Action<KernelSet>>
    {
        ["relu"] = ops => Array.ForEach(Lengths, length => ReluTests.EqualsTheOracle(ops.Relu, length)),
        ["gated_gelu"] = GatedGelu,
        ["dropout"] = ops => Array.ForEach(Lengths, width => DropoutTests.MasksByTheDefinition(ops.Dropout, width)),
        ["residual_add"] = ops => Array.ForEach(Lengths, width => ResidualAddTests.AgreesWithTheOracle(ops.ResidualAdd, width)),
        ["embedding"] = Embedding,
        ["row_scatter"] = ops => Array.ForEach(Lengths, width => RowScatterTests.AgreesWithTheOracle(ops.RowScatter, width)),
        ["rms_norm"] = RmsNorm,
        ["next_token"] = NextTokenTests.AgreesWithTheOracle,
        ["gradient_norm"] = GradientNorm,
        ["adamw"] = AdamW,
        ["adafactor"] = Adafactor,
        ["matmul"] = MatMul,
        ["linear_cross_entropy"] = LinearCrossEntropy,
        ["attention"] = Attention,
    };

    static void Embedding(KernelSet ops)
    {
        foreach (int width in Lengths) EmbeddingTests.AgreesWithTheOracle(ops.Embedding, width);
        EmbeddingTests.HasTheBitsOfTheCpu(ops.Embedding);
    }

    static void GatedGelu(KernelSet ops)
    {
        foreach (int length in Lengths) GatedGeluTests.AgreesWithTheOracle(ops.GatedGelu, length);
        GatedGeluTests.SaturatesWithoutNaN(ops.GatedGelu);
    }

    static void RmsNorm(KernelSet ops)
    {
        foreach (int width in Lengths)
        {
            RmsNormTests.ForwardAgrees(ops.RmsNorm, width);
            RmsNormTests.BackwardAgrees(ops.RmsNorm, width, Into.Overwrite);
            RmsNormTests.BackwardAgrees(ops.RmsNorm, width, Into.Add);
        }
    }

    static void GradientNorm(KernelSet ops)
    {
        foreach (int count in (int[])[0, 1, 37, 16_385])
        {
            using var t = new HostTensors(count);
            Tensor gradients = t.Random("gradients", new(1, count), 1e-3);
            double expected = GradientNormReference.Forward(gradients.HostSpan<float>());
            Tolerance.AssertWithin(
                [GradientNormTests.Norm(t, ops.GradientNorm, gradients)], [expected], [Tolerance.Elementwise * Tolerance.Epsilon * expected],
                $"norm of {count}");
        }
        using var extremes = new HostTensors(1);
        Assert.Equal(2e30f, GradientNormTests.Norm(extremes, ops.GradientNorm, extremes.Filled("huge", new(1, 4), 1e30f)));
        Assert.Equal(float.NaN, GradientNormTests.Norm(extremes, ops.GradientNorm, extremes.Filled("nan", new(2, 3), float.NaN)));
    }

    static void AdamW(KernelSet ops)
    {
        foreach (AdamWForm form in Enum.GetValues<AdamWForm>())
            foreach (int length in (int[])[1, 33])
                AdamWTests.AgreesWithTheOracle(ops.AdamW, form, length, clip: 0.7f);
    }

    static void Adafactor(KernelSet ops)
    {
        foreach (AdafactorStep variant in AdafactorTests.Variants)
        {
            foreach (Shape shape in (Shape[])[new(37, 21), new(1, 9), new(9, 1)])
                AdafactorTests.AgreesWithTheOracle(ops.Adafactor, variant, shape, factored: true);
            foreach (Shape shape in (Shape[])[new(19), new(32, 3)]) AdafactorTests.AgreesWithTheOracle(ops.Adafactor, variant, shape, factored: false);
        }
    }

    static void MatMul(KernelSet ops)
    {
        foreach (var (rows, inputs, outputs) in ((int, int, int)[])[(1, 1, 1), (1, 33, 7), (3, 5, 18), (1, 40, 7), (8, 36, 5), (9, 17, 33), (17, 1, 5), (33, 40, 15), (140, 12, 130),
            (0, 4, 4), (4, 0, 4), (20, 0, 4), (4, 4, 0)])
            foreach (Into into in (Into[])[Into.Overwrite, Into.Add])
                MatMulTests.AssertEqualsOracle(ops.MatMul, rows, inputs, outputs, into);
    }

    static void LinearCrossEntropy(KernelSet ops)
    {
        foreach (var (rows, width, vocabulary) in ((int, int, int)[])[(1, 1, 1), (3, 5, 2), (10, 7, 33), (2, 3, 1025), (0, 4, 9)])
            using (var run = new LinearCrossEntropyTests.Run(ops.LinearCrossEntropy, rows, width, vocabulary, scale: 1 / MathF.Sqrt(width), deviation: 3, into: rows % 2 == 0 ? Into.Overwrite : Into.Add))
                run.AssertEqualsOracle();
        using var steep = new LinearCrossEntropyTests.Run(ops.LinearCrossEntropy, rows: 3, width: 12, vocabulary: 40, scale: 1, deviation: 12);
        steep.AssertEqualsOracle();
        using var kept = new LinearCrossEntropyTests.Run(ops.LinearCrossEntropy, rows: 3, width: 5, vocabulary: 1025, scale: 1, deviation: 1, keepsLogits: true);
        kept.AssertEqualsOracle();
    }

    static void Attention(KernelSet ops)
    {
        AttentionSpan[] self = AttentionProblem.SelfSpans(1, 3, 4, 5, 17, 33);
        Agrees(new(1, self, 2, 12, Masking.None, bidirectional: true, 0));
        Agrees(new(2, self, 2, 8, Masking.Causal, bidirectional: false, 0.2f));
        Agrees(new(3, AttentionTests.CrossSpans, 2, 17, Masking.None, bidirectional: null, 0.1f));
        foreach (int headWidth in (int[])[1, 64, 100]) Agrees(new(4, AttentionTests.CacheSpans, 2, headWidth, Masking.Causal, bidirectional: false, 0.1f));
        Agrees(new(5, AttentionProblem.SelfSpans(5, 20), 2, 16, Masking.None, bidirectional: true, 0, deviation: 12));
        // More buckets than a group has sums for.
        Agrees(new(6, AttentionProblem.SelfSpans(34, 3), 1, 4, Masking.None, bidirectional: true, 0, bucketCount: 150));
        // More queries than parts of the bias's gradient have blocks, on devices too.
        Agrees(new(11, AttentionProblem.SelfSpans(69), 1, 4, Masking.Causal, bidirectional: false, 0.1f));
        // Heads beyond registers.
        Agrees(new(7, AttentionProblem.SelfSpans(1, 5, 3), 2, 132, Masking.Causal, bidirectional: false, 0.2f));
        Agrees(new(8, AttentionTests.CrossSpans, 1, 200, Masking.None, bidirectional: null, 0.1f));
        Agrees(new(9, AttentionTests.CacheSpans, 2, 131, Masking.Causal, bidirectional: false, 0.1f));
        Agrees(new(10, AttentionProblem.SelfSpans(9), 1, 130, Masking.None, bidirectional: true, 0, bucketCount: 150));

        void Agrees(AttentionProblem problem) => AttentionTests.AgreeWithTheOracle(problem, [("device", ops.Attention)]);
    }
}
