using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Tasks;
using Xunit;

namespace DistillEngine.Tests.Data.Batching;

public class BatcherTests
{
    const int Rows = 23;

    [Fact]
    public void Fill_OfOneStep_HoldsBothTasksOfEachRow()
    {
        var examples = Encode([new("1", ["ab"], "c", ["def"], 2), new("2", ["g"], "hi", [])]);
        var batcher = new Batcher(examples, new(2, 1, 1, RowOrder.File));
        var plan = batcher.BeginStep();
        Assert.Equal(new StepPlan(1, 2, 3, 12 + 12 + 11, 2 + 3, 4, 2 * 2 + 3, 2 * 4), plan);
        var batch = new Batch(batcher.Limits);
        batcher.Fill(batch);
        Assert.Equal(3, batch.SequenceCount);
        int[] sources =
        [
            .. LetterTokenizer.Ids("predict: ab"), 1, .. LetterTokenizer.Ids("explain: ab"), 1, .. LetterTokenizer.Ids("predict: g"), 1,
        ];
        Assert.Equal(sources, batch.SourceIds[..batch.SourceTokenCount]);
        Assert.Equal([.. LetterTokenizer.Ids("c"), 1, .. LetterTokenizer.Ids("def"), 1, .. LetterTokenizer.Ids("hi"), 1],
            batch.Labels[..batch.TargetTokenCount]);
        Assert.Equal([0, 1, 2], batch.SequenceIds[..3]);
        Assert.Equal([TaskKind.Label, TaskKind.Rationale, TaskKind.Label], batch.Tasks[..3]);
        Assert.Equal([2f, 2f, 1f], batch.Weights[..3]);
    }

    [Fact]
    public void Encode_Standard_HasNeitherPrefixNorRationale()
    {
        var examples = Encode([new("1", ["ab"], "c", ["def"])], TrainingMethod.Standard);
        Assert.Equal([.. LetterTokenizer.Ids("ab"), 1], examples.PredictSource(0).ToArray());
        Assert.Equal(0, examples.RationaleCount(0));
    }

    [Theory]
    [InlineData(RowOrder.Shuffled, 0)]
    [InlineData(RowOrder.Shuffled, 2)]
    [InlineData(RowOrder.Shuffled, 100)]
    [InlineData(RowOrder.Published, 0)]
    [InlineData(RowOrder.File, 3)]
    public void Epoch_VisitsEveryRowOnce(RowOrder order, int bucketSteps)
    {
        var batcher = new Batcher(Encode(Examples()), new(3, 2, 7, order, bucketSteps));
        for (int epoch = 0; epoch < 3; epoch++)
        {
            var seen = new List<string>();
            for (int step = 0; step < StepsPerEpoch(Rows, stepRows: 6); step++) seen.AddRange(Step(batcher));
            Assert.Equal(epoch, batcher.Position.Epoch);
            var predicted = seen.Where(text => text.StartsWith("predict", StringComparison.Ordinal));
            Assert.Equal(Examples().Select(example => $"predict: {example.Segments[0]}").Order(), predicted.Order());
        }
    }

    [Theory]
    [InlineData(RowOrder.Shuffled, 0)]
    [InlineData(RowOrder.Shuffled, 2)]
    [InlineData(RowOrder.Published, 0)]
    public void Seek_ToAnyPosition_GoesOnBitwise(RowOrder order, int bucketSteps)
    {
        var options = new BatcherOptions(3, 2, 7, order, bucketSteps);
        var whole = new Batcher(Encode(Examples()), options);
        for (int step = 0; step < 10; step++)
        {
            var resumed = new Batcher(Encode(Examples()), options);
            resumed.Seek(whole.Position);
            Assert.Equal(Record(whole), Record(resumed));
            Assert.Equal(whole.Position, resumed.Position);
        }
    }

    [Fact]
    public void Step_OfABatchThatNoFileFills_HoldsAllRows()
    {
        var batcher = new Batcher(Encode(Examples()), new(int.MaxValue, int.MaxValue, 7));
        for (int epoch = 0; epoch < 2; epoch++)
        {
            StepPlan plan = batcher.BeginStep();
            Assert.Equal((1, Rows), (plan.MicroBatches, plan.Rows));
            batcher.Fill(new Batch(batcher.Limits));
        }
    }

    [Fact]
    public void Epochs_DifferByOrderAndSeed()
    {
        var batcher = new Batcher(Encode(Examples()), new(Rows, 1, 7));
        var first = Step(batcher);
        Assert.NotEqual(first, Step(batcher));
        Assert.NotEqual(first, Step(new Batcher(Encode(Examples()), new(Rows, 1, 8))));
        Assert.Equal(first, Step(new Batcher(Encode(Examples()), new(Rows, 1, 7))));
    }

    [Fact]
    public void Rationales_AreAllDrawnOverTheEpochs()
    {
        var batcher = new Batcher(Encode([new("1", ["a"], "b", ["x", "y", "z"])]), new(1, 1, 3));
        var batch = new Batch(batcher.Limits);
        var drawn = new HashSet<int>();
        for (int epoch = 0; epoch < 40; epoch++)
        {
            batcher.BeginStep();
            batcher.Fill(batch);
            drawn.Add(batch.Labels[batch.TargetStarts[1]]);
        }
        Assert.Equal(LetterTokenizer.Ids("xyz"), drawn.Order());
    }

    [Fact]
    public void Buckets_PadLessThanTheDrawnOrder()
    {
        Assert.True(Padding(4) * 2 < Padding(0), $"{Padding(4)} of {Padding(0)}");

        static long Padding(int bucketSteps)
        {
            var examples = new List<TrainingExample>();
            for (int i = 0; i < 200; i++) examples.Add(new($"{i}", [new string('x', 1 + i * 37 % 90)], "y", []));
            var batcher = new Batcher(Encode(examples), new(8, 1, 5, BucketSteps: bucketSteps));
            var batch = new Batch(batcher.Limits);
            long padding = 0;
            for (int step = 0; step < StepsPerEpoch(examples.Count, stepRows: 8); step++)
            {
                batcher.BeginStep();
                batcher.Fill(batch);
                int longest = 0;
                for (int s = 0; s < batch.SequenceCount; s++)
                    longest = Math.Max(longest, batch.SourceStarts[s + 1] - batch.SourceStarts[s]);
                padding += (long)longest * batch.SequenceCount - batch.SourceTokenCount;
            }
            return padding;
        }
    }

    [Theory]
    [InlineData(RowOrder.Shuffled, 0)]
    [InlineData(RowOrder.Shuffled, 3)]
    [InlineData(RowOrder.Published, 0)]
    public void BeginStepAndFill_AcrossEpochs_AllocateNothing(RowOrder order, int bucketSteps)
    {
        var batcher = new Batcher(Encode(Examples()), new(3, 2, 7, order, bucketSteps));
        var batch = new Batch(batcher.Limits);
        Run(20);
        Assert.Equal(0, Allocations.Of(() => Run(50)));

        void Run(int steps)
        {
            for (int step = 0; step < steps; step++)
            {
                int microBatches = batcher.BeginStep().MicroBatches;
                for (int micro = 0; micro < microBatches; micro++) batcher.Fill(batch);
            }
        }
    }

    [Fact]
    public void Limits_AreReachedByTheWorstBatchAndNoLarger()
    {
        var examples = Encode([new("1", ["aaaa"], "b", ["cc", "ccccc"]), new("2", ["a"], "bb", []), new("3", ["aa"], "bbb", ["c"])]);
        var limits = new Batcher(examples, new(2, 1, 1)).Limits;
        // Sources: 2·(9 + 4 + 1), 9 + 1 + 1, 2·(9 + 2 + 1); targets: 2 + 6, 3, 4 + 2.
        Assert.Equal(new BatchLimits(4, 28 + 24, 8 + 6, 14, 6), limits);
    }

    [Fact]
    public void WrongOrderOfCalls_IsRefused()
    {
        var batcher = new Batcher(Encode(Examples()), new(3, 2, 7));
        var batch = new Batch(batcher.Limits);
        Assert.Throws<InvalidOperationException>(() => batcher.Fill(batch));
        batcher.BeginStep();
        batcher.Fill(batch);
        Assert.Throws<InvalidOperationException>(() => batcher.BeginStep());
        Assert.Throws<ArgumentException>(() => batcher.Seek(new(0, 0, 8)));
        Assert.Throws<ArgumentException>(() => batcher.Seek(new(0, 5, 7)));
        Assert.Throws<ArgumentException>(() => batcher.Seek(new(0, 600, 7)));
    }

    static List<TrainingExample> Examples()
    {
        var examples = new List<TrainingExample>();
        for (int i = 0; i < Rows; i++)
            examples.Add(new($"{i}", [new string((char)('a' + i), 1 + i * 7 % 11)], $"l{i}", i % 4 == 3 ? [] : [$"r{i}", $"because{i}"]));
        return examples;
    }

    static ExampleSet Encode(IReadOnlyList<TrainingExample> examples, TrainingMethod method = TrainingMethod.StepByStep) =>
        ExampleSet.Encode(examples, new TaskEncoder(TaskReader.Load("svamp").Student, new LetterTokenizer(), method));

    /// <summary>The last step of an epoch may be short.</summary>
    static int StepsPerEpoch(int rows, int stepRows) => (rows + stepRows - 1) / stepRows;

    /// <summary>Source texts of the next step.</summary>
    static List<string> Step(Batcher batcher)
    {
        var texts = new List<string>();
        var batch = new Batch(batcher.Limits);
        int microBatches = batcher.BeginStep().MicroBatches;
        for (int micro = 0; micro < microBatches; micro++)
        {
            batcher.Fill(batch);
            for (int s = 0; s < batch.SequenceCount; s++)
                texts.Add(new LetterTokenizer().Decode(batch.SourceIds.AsSpan(batch.SourceStarts[s]..batch.SourceStarts[s + 1])));
        }
        return texts;
    }

    /// <summary>Everything the next step holds.</summary>
    static List<int> Record(Batcher batcher)
    {
        var record = new List<int>();
        var batch = new Batch(batcher.Limits);
        int microBatches = batcher.BeginStep().MicroBatches;
        for (int micro = 0; micro < microBatches; micro++)
        {
            batcher.Fill(batch);
            record.AddRange(batch.SourceIds[..batch.SourceTokenCount]);
            record.AddRange(batch.Labels[..batch.TargetTokenCount]);
            record.AddRange(batch.SequenceIds[..batch.SequenceCount]);
        }
        return record;
    }
}
