using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Tests.Model;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

public class TrainerTests
{
    const double Relative = 3e-6;

    static readonly TrainerSettings Settings = new() { Alpha = 0.3, Dropout = 0.2f, Seed = 4 };

    [Fact]
    public void Step_OfPackedTasks_MixesTheirSeparateMeansByAlpha()
    {
        using var bench = new Bench(Settings);
        Batch all = Rows(0, 1, 2, 3);
        StepReport report = bench.Step(all);
        float[] gradients = bench.Gradients;
        var (label, labelGradients) = bench.MeanOf(Only(all, TaskKind.Label));
        var (rationale, rationaleGradients) = bench.MeanOf(Only(all, TaskKind.Rationale));
        AssertClose(label, report.LabelLoss);
        AssertClose(rationale, report.RationaleLoss);
        AssertClose(0.3 * label + 0.7 * rationale, report.Loss);
        AssertClose([.. labelGradients.Zip(rationaleGradients, (l, r) => 0.3 * l + 0.7 * r)], gradients);
        AssertClose(Math.Sqrt(gradients.Sum(g => (double)g * g)), report.GradientNorm);
        Assert.Equal(all.SourceTokenCount + all.TargetTokenCount, report.Tokens);
    }

    [Fact]
    public void Step_OfSeveralMicroBatches_WaitsForTheDeviceOnce()
    {
        using var backend = new CountingBackend(CpuBackend.Open(1));
        using T5Model model = TinyModels.Create(TinyModels.Version11, backend);
        using IOptimizer optimizer = Optimizers.Create(new() { Name = "adamw", LearningRate = 1e-3 }, model.Parameters, backend.Kernels, backend);
        using var trainer = new Trainer(model, optimizer, LearningRateSchedule.Create("constant", 1e-3, 0, 9), Settings);
        Batch batch = TinyModels.Ragged();
        backend.Waits = 0;
        for (int step = 1; step <= 2; step++)
        {
            Assert.True(double.IsFinite(trainer.Step([batch, batch, batch]).Loss));
            Assert.Equal(step, backend.Waits);
        }
    }

    [Fact]
    public void Step_WithoutRationales_IsTheLabelLossAlone()
    {
        using var bench = new Bench(Settings);
        Batch labels = Only(Rows(0, 1, 2, 3), TaskKind.Label);
        StepReport report = bench.Step(labels);
        float[] gradients = bench.Gradients;
        var (mean, meanGradients) = bench.MeanOf(labels);
        AssertClose(mean, report.Loss);
        AssertClose([.. meanGradients.Select(g => (double)g)], gradients);
        Assert.True(double.IsNaN(report.RationaleLoss));
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    public void Step_OfAnExtremeAlpha_LearnsOneTaskAlone(double alpha)
    {
        using var bench = new Bench(Settings with { Alpha = alpha });
        Batch all = Rows(0, 1, 2);
        StepReport report = bench.Step(all);
        float[] gradients = bench.Gradients;
        var (mean, meanGradients) = bench.MeanOf(Only(all, alpha == 1 ? TaskKind.Label : TaskKind.Rationale));
        AssertClose(mean, report.Loss);
        AssertClose([.. meanGradients.Select(g => (double)g)], gradients);
    }

    public static TheoryData<string, int[][]> Splits => new()
    {
        { "one by one", [[0], [1], [2], [3]] }, { "in halves", [[0, 1], [2, 3]] }, { "unevenly", [[0, 1, 2], [3]] },
    };

    // Row 3 has no rationale, so that a micro-batch of it alone holds one task only.
    [Theory, MemberData(nameof(Splits))]
    public void Step_OfTokenMeans_IsTheSameHoweverTheRowsAreSplit(string split, int[][] parts)
    {
        using var bench = new Bench(Settings);
        StepReport whole = bench.Step(Rows(0, 1, 2, 3));
        float[] gradients = bench.Gradients;
        using var other = new Bench(Settings);
        StepReport inParts = other.Step([.. parts.Select(rows => Rows(rows))]);
        AssertClose(whole.LabelLoss, inParts.LabelLoss);
        AssertClose(whole.RationaleLoss, inParts.RationaleLoss);
        AssertClose([.. gradients.Select(g => (double)g)], other.Gradients);
        Assert.Equal(whole.Tokens, inParts.Tokens);
        Assert.NotEmpty(split);
    }

    [Fact]
    public void Step_OfMicroBatchMeans_AveragesTheirLosses()
    {
        TrainerSettings settings = Settings with { AccumulateMean = AccumulateMean.MicroBatches };
        Batch[] parts = [Rows(0), Rows(1, 2)];
        using var bench = new Bench(settings);
        StepReport report = bench.Step(parts);
        float[] gradients = bench.Gradients;
        double label = 0, rationale = 0;
        double[] expected = new double[gradients.Length];
        foreach (Batch part in parts)
        {
            var (partLabel, labelGradients) = bench.MeanOf(Only(part, TaskKind.Label));
            var (partRationale, rationaleGradients) = bench.MeanOf(Only(part, TaskKind.Rationale));
            label += partLabel / 2;
            rationale += partRationale / 2;
            for (int i = 0; i < expected.Length; i++) expected[i] += (0.3 * labelGradients[i] + 0.7 * rationaleGradients[i]) / 2;
        }
        AssertClose(label, report.LabelLoss);
        AssertClose(rationale, report.RationaleLoss);
        AssertClose(expected, gradients);
        using var tokens = new Bench(Settings);
        Assert.True(Math.Abs(tokens.Step(parts).LabelLoss - report.LabelLoss) > 1e-4, "These parts cannot tell the two means apart.");
    }

    [Fact]
    public void Step_OfARowOfWeightTwo_IsThatRowTwice()
    {
        TrainerSettings settings = Settings with { Dropout = 0 };
        using var weighted = new Bench(settings);
        using var repeated = new Bench(settings);
        StepReport one = weighted.Step(Rows([0, 1], weightOfFirst: 2)), two = repeated.Step(Rows(0, 0, 1));
        AssertClose(two.LabelLoss, one.LabelLoss);
        AssertClose(two.RationaleLoss, one.RationaleLoss);
        AssertClose([.. repeated.Gradients.Select(g => (double)g)], weighted.Gradients);
    }

    [Fact]
    public void Step_WhenTheLossIsNoNumber_LeavesEverythingAndStopsAfterAWhile()
    {
        using var bench = new Bench(Settings with { MaxSkippedSteps = 2 });
        Batch batch = Rows(0, 1);
        Tensor damaged = bench.Model.Parameters.Value(bench.Model.Parameters.Find("encoder.block.1.layer.1.DenseReluDense.wo.weight"));
        float[] sound = TinyModels.Read(damaged);
        bench.Model.Backend.Fill(damaged, float.NaN);
        for (int step = 1; step <= 2; step++)
        {
            StepReport skipped = bench.Step(batch);
            Assert.True(skipped.IsSkipped);
            Assert.Equal((step, 0), (skipped.Step, bench.Probe.StepCount));
        }
        // A sound step in between starts the count anew, from clean gradients.
        bench.Model.Backend.Upload<float>(sound, damaged);
        Assert.False(bench.Step(batch).IsSkipped);
        Assert.All(bench.Gradients, gradient => Assert.True(float.IsFinite(gradient)));
        bench.Model.Backend.Fill(damaged, float.NaN);
        bench.Step(batch);
        bench.Step(batch);
        var error = Assert.Throws<NonFiniteLossException>(() => bench.Step(batch));
        Assert.Contains("Step 6", error.Message, StringComparison.Ordinal);
        Assert.Contains("encoder.", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, bench.Probe.StepCount);
    }

    [Fact]
    public void Step_TakesTheRateOfItsNumber()
    {
        using var bench = new Bench(Settings);
        for (int step = 1; step <= 3; step++)
        {
            StepReport report = bench.Step(Rows(1));
            Assert.Equal((step, bench.Schedule.At(step), bench.Schedule.At(step)), (report.Step, report.LearningRate, bench.Probe.LearningRate));
        }
    }

    /// <summary>Rows of a small set as a batch; each row's dropout keys follow from its number in it. The last row has no rationale.</summary>
    static Batch Rows(params int[] rows) => Rows(rows, weightOfFirst: 1);

    static Batch Rows(int[] rows, float weightOfFirst)
    {
        var batch = new Batch(TinyModels.Limits);
        for (int i = 0; i < rows.Length; i++)
        {
            int row = rows[i];
            float weight = i == 0 ? weightOfFirst : 1;
            int[] source = [.. Enumerable.Range(0, 3 + 2 * row).Select(t => 3 + (5 * row + 3 * t) % 30)];
            batch.Add([30, .. source, 1], [7 + row, 1], TaskKind.Label, weight, 2 * row);
            if (row < 3)
                batch.Add([31, .. source, 1], [.. Enumerable.Range(0, 2 + 3 * row).Select(t => 9 + (row + 2 * t) % 20), 1], TaskKind.Rationale, weight,
                    2 * row + 1);
        }
        return batch;
    }

    static Batch Only(Batch batch, TaskKind kind) =>
        TinyModels.Reordered(batch, [.. Enumerable.Range(0, batch.SequenceCount).Where(s => batch.Tasks[s] == kind)]);

    static void AssertClose(double expected, double actual) => Assert.Equal(expected, actual, Relative * (1 + Math.Abs(expected)));

    static void AssertClose(double[] expected, float[] actual)
    {
        double scale = expected.Max(Math.Abs);
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 2 * Relative * scale);
    }

    /// <summary>A small model whose steps change nothing, so that every number can be computed again.</summary>
    sealed class Bench : IDisposable
    {
        readonly CpuBackend _backend = CpuBackend.Open(1);
        readonly TrainerSettings _settings;
        readonly Trainer _trainer;

        public Bench(TrainerSettings settings)
        {
            _settings = settings;
            Model = TinyModels.Create(TinyModels.Version11, _backend);
            Probe = new GradientProbe(Model.Parameters);
            _trainer = new Trainer(Model, Probe, Schedule, settings);
        }

        public LearningRateSchedule Schedule { get; } = LearningRateSchedule.Create("linear", 1e-3, 2, 10);

        public T5Model Model { get; }

        public GradientProbe Probe { get; }

        public float[] Gradients => Probe.Gradients;

        public StepReport Step(params Batch[] batches) => _trainer.Step(batches);

        /// <summary>Mean of a batch's nats per token and its gradient, in one pass under the dropout of step 1.</summary>
        public (double Mean, float[] Gradients) MeanOf(Batch batch)
        {
            TinyModels.ClearGradients(Model);
            Model.Forward(batch, new(_settings.Dropout, _settings.Seed, 1));
            int count = batch.TargetTokenCount;
            Model.Backward([.. Enumerable.Repeat(1f / count, count)]);
            float[] gradients = TinyModels.Gradients(Model);
            TinyModels.ClearGradients(Model);
            return (TinyModels.Nats(Model).Average(n => (double)n), gradients);
        }

        public void Dispose()
        {
            _trainer.Dispose();
            Model.Dispose();
            _backend.Dispose();
        }
    }
}
