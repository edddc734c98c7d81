using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Tasks;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Tests.Data;
using DistillEngine.Tests.Model;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

public class AllocationTests
{
    const int Accumulate = 2;

    public static TheoryData<string, string> Cases => new(
        from optimizer in Optimizers.Names
        from model in (string[])[TinyModels.Version10, TinyModels.Version11]
        select new TheoryDataRow<string, string>(optimizer, model));

    [Theory, MemberData(nameof(Cases))]
    public void Step_AfterWarmUp_AllocatesNothing(string name, string form)
    {
        ExampleSet examples = Examples();
        var batches = new Batcher(examples, new BatcherOptions(2, Accumulate, Seed: 3, BucketSteps: 2));
        T5Config config = TinyModels.Config(form) with { VocabularySize = new LetterTokenizer().VocabularySize };
        using var backend = CpuBackend.Open(2);
        using var model = new T5Model(config, batches.Limits, backend, training: true);
        model.Initialize(1);
        double? rate = Optimizers.DefaultLearningRate(name);
        using IOptimizer optimizer = Optimizers.Create(new() { Name = name, LearningRate = rate, WeightDecay = 0.01 }, model.Parameters,
            backend.Kernels, backend);
        using var trainer = new Trainer(model, optimizer, LearningRateSchedule.Create("linear", rate ?? 0, 3, 100), new() { Dropout = 0.1f });
        // Through more than one epoch, so that its end is warm too.
        int steps = examples.Count / (2 * Accumulate) + 2;
        for (int i = 0; i < steps; i++) trainer.Step(batches);
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < steps; i++) trainer.Step(batches);
        }));
    }

    // What each call of Generate allocates may not grow with the tokens it makes.
    [Theory]
    [InlineData(WeightForm.F32, DType.F32)]
    [InlineData(WeightForm.F32, DType.BF16)]
    [InlineData(WeightForm.BF16, DType.F32)]
    [InlineData(WeightForm.Int8, DType.BF16)]
    [InlineData(WeightForm.Int4, DType.F32)]
    public void Generate_OfMoreTokens_AllocatesNoMore(WeightForm form, DType cache)
    {
        using var backend = CpuBackend.Open(2);
        using var model = new T5Model(TinyModels.Config(TinyModels.Version11), TinyModels.Limits, backend, training: false, form);
        model.Initialize(5);
        using var generator = new GreedyGenerator(model, 30, cache);
        Batch batch = TinyModels.Ragged();
        int[] ids = new int[31 * batch.SequenceCount], lengths = new int[batch.SequenceCount];
        Generate(5);
        Generate(30);
        Assert.Equal((0, 0), (Generate(5), Generate(30)));

        long Generate(int tokens)
        {
            GenerationOptions options = new()
            {
                MaxNewTokens = tokens, MinNewTokens = tokens, RepetitionPenalty = 2, NoRepeatNgramSize = 2, VocabularySize = 30, CacheType = cache,
            };
            return Allocations.Of(() => generator.Generate(batch, options, ids, lengths));
        }
    }

    static ExampleSet Examples()
    {
        List<TrainingExample> examples = [.. Enumerable.Range(0, 9).Select(i =>
            new TrainingExample($"{i}", [new string('a', 1 + i)], $"l{i}", i % 4 == 3 ? [] : [$"r{i}", $"because {i}"], 1 + i % 2))];
        return ExampleSet.Encode(examples, new TaskEncoder(TaskReader.Load("svamp").Student, new LetterTokenizer(), TrainingMethod.StepByStep));
    }
}
