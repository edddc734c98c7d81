using System.Security.Cryptography;
using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Formats;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Tests.Model;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

public sealed class TrainingRunTests : IDisposable
{
    readonly SmallTask _task = new();

    public void Dispose() => _task.Dispose();

    [Theory]
    [InlineData(TrainingMethod.StepByStep)]
    [InlineData(TrainingMethod.Standard)]
    public void Execute_OfTwoHundredSteps_LowersBothLosses(TrainingMethod method)
    {
        RecordingObserver observer = Run(_task.Options("run", 200) with { Method = method, SaveEvery = 0 });
        Assert.Equal(200, observer.Steps.Count);
        StepReport[] first = [.. observer.Steps.Take(5)], last = [.. observer.Steps.TakeLast(5)];
        Assert.True(last.Average(s => s.LabelLoss) < 0.5 * first.Average(s => s.LabelLoss));
        if (method == TrainingMethod.StepByStep) Assert.True(last.Average(s => s.RationaleLoss) < 0.5 * first.Average(s => s.RationaleLoss));
        else Assert.All(observer.Steps, s => Assert.True(double.IsNaN(s.RationaleLoss)));
        Assert.Equal(200, File.ReadLines(Path.Combine(_task.Output("run"), StepLog.FileName)).Count());
    }

    public static TheoryData<string, string> Settings => new()
    {
        { "adamw", "linear" }, { "adamw-hf", "cosine" }, { "adafactor", "constant" }, { "adafactor-optax", "inverse-sqrt" }, { "adafactor-torch", "linear" },
    };

    [Theory, MemberData(nameof(Settings))]
    public void Execute_WhenCancelledAgainAndAgain_EndsWithTheBitsOfTheUnbrokenRun(string optimizer, string schedule)
    {
        TrainingOptions options = _task.Options("unbroken", 11) with
        {
            Optimizer = new() { Name = optimizer, LearningRate = 1e-3, WeightDecay = 0.01 },
            Schedule = schedule,
            Accumulate = 2,
            Batch = 3,
        };
        RecordingObserver unbroken = Run(options);
        List<StepReport> steps = [];
        TrainingOptions broken = options with { Output = _task.Output("broken"), Resume = true };
        foreach (long stop in (long[])[2, 3, 7])
        {
            var observer = new RecordingObserver(stop);
            Assert.Throws<OperationCanceledException>(() => Run(broken, observer));
            Assert.Equal((stop, steps.Count == 0 ? null : (long?)steps.Count), (observer.Steps[^1].Step, observer.ResumedAt));
            steps.AddRange(observer.Steps);
        }
        steps.AddRange(Run(broken).Steps);
        Assert.Equal(unbroken.Steps, steps);
        AssertSameRun("unbroken", "broken");
    }

    [Fact]
    public void Execute_WhenCancelledWhileValidating_EndsWithTheBitsOfTheUnbrokenRun()
    {
        TrainingOptions options = _task.Options("unbroken", 30) with { EvalEvery = 4, ValidationFraction = 0.25, Patience = 3, SaveEvery = 5 };
        RecordingObserver unbroken = Run(options);
        TrainingOptions broken = options with { Output = _task.Output("broken"), Resume = true };
        List<(long, double, bool)> evaluations = [];
        foreach (long stop in (long[])[3, 4, 9, 12])
        {
            var observer = new RecordingObserver(stop);
            Assert.ThrowsAny<OperationCanceledException>(() => Run(broken, observer));
            evaluations.AddRange(observer.Evaluations);
        }
        evaluations.AddRange(Run(broken).Evaluations);
        Assert.Equal(unbroken.Evaluations, evaluations);
        AssertSameRun("unbroken", "broken");
        AssertSameFile(Path.Combine("unbroken", "best", ModelFiles.Safetensors), Path.Combine("broken", "best", ModelFiles.Safetensors));
    }

    [Fact]
    public void Execute_WhenNothingGetsBetter_StopsAndKeepsTheBest()
    {
        // So small a rate that no answer changes.
        TrainingOptions options = _task.Options("run", 1000) with
        {
            EvalEvery = 2,
            Patience = 3,
            ValidationData = _task.Validation,
            Optimizer = new() { LearningRate = 1e-9 },
            SaveEvery = 0,
        };
        RecordingObserver observer = Run(options);
        Assert.Equal([(2L, true), (4, false), (6, false), (8, false)], observer.Evaluations.Select(e => (e.Step, e.IsBest)));
        Assert.Equal(8, observer.Steps.Count);
        AssertSameFile(Path.Combine("run", ModelFiles.Safetensors), Path.Combine("run", "best", ModelFiles.Safetensors));
        Assert.Equal(2, StudentFile.TryRead(_task.Output("run"))!.Step);
        Assert.Equal((2L, _task.Output("run")), observer.Saves[^1]);
    }

    [Fact]
    public void Execute_OfAFinishedRunWithResume_WritesTheSameModelAgain()
    {
        Run(_task.Options("run"));
        byte[] weights = File.ReadAllBytes(Path.Combine(_task.Output("run"), ModelFiles.Safetensors));
        RecordingObserver again = Run(_task.Options("run") with { Resume = true });
        Assert.Empty(again.Steps);
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(_task.Output("run"), ModelFiles.Safetensors)));
    }

    public static TheoryData<string, Func<TrainingOptions, TrainingOptions>> Changes => new()
    {
        { "alpha", o => o with { Alpha = 0.25 } }, { "seed", o => o with { Seed = 8 } }, { "batch", o => o with { Batch = 5 } },
        { "steps", o => o with { Steps = 11 } },
        { "accumulate", o => o with { Accumulate = 2 } }, { "optimizer", o => o with { Optimizer = o.Optimizer with { LearningRate = 1e-4 } } },
        { "optimizer", o => o with { Optimizer = o.Optimizer with { Name = "adafactor" } } }, { "schedule", o => o with { Schedule = "cosine" } },
        { "warmup", o => o with { Warmup = 1 } }, { "clip", o => o with { Clip = 0 } }, { "dropout", o => o with { Dropout = 0.2f } },
        { "model", o => o with { Model = "mini" } },
        { "method", o => o with { Method = TrainingMethod.Standard } }, { "order", o => o with { Order = RowOrder.File } },
        { "bucket-steps", o => o with { BucketSteps = 0 } },
        { "label-source", o => o with { LabelSource = LabelSource.Teacher } },
        { "data", o => o with { Data = o.Data.Replace("data.jsonl", "validation.jsonl", StringComparison.Ordinal) } },
    };

    [Theory, MemberData(nameof(Changes))]
    public void Execute_ResumedWithOtherSettings_IsRefusedNamingThem(string setting, Func<TrainingOptions, TrainingOptions> change)
    {
        Run(_task.Options("run", 2));
        var error = Assert.Throws<InvalidDataException>(() => Run(change(_task.Options("run", 2) with { Resume = true })));
        Assert.Contains($" {setting} was ", error.Message, StringComparison.Ordinal);
        Assert.StartsWith(_task.Output("run"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Execute_ResumedWithAnotherTypeOfProducts_IsRefusedNamingIt()
    {
        Run(_task.Options("run", 1));
        var error = Assert.Throws<InvalidDataException>(() => Run(_task.Options("run", 2) with { Resume = true }, precision: ComputePrecision.Bf16));
        Assert.Contains("dtype was F32, is Bf16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Execute_OfAnInterruptedRunWithBf16Products_GivesTheSameRun()
    {
        Run(_task.Options("whole", 4), precision: ComputePrecision.Bf16);
        Run(_task.Options("float32", 4));
        TrainingOptions options = _task.Options("broken", 4) with { SaveEvery = 1, Resume = true };
        var observer = new RecordingObserver(2);
        Assert.Throws<OperationCanceledException>(() => Run(options, observer, precision: ComputePrecision.Bf16));
        Run(options, threads: 2, precision: ComputePrecision.Bf16);
        AssertSameFile(Path.Combine("whole", ModelFiles.Safetensors), Path.Combine("broken", ModelFiles.Safetensors));
        Assert.NotEqual(File.ReadAllBytes(_task.Output(Path.Combine("float32", ModelFiles.Safetensors))),
            File.ReadAllBytes(_task.Output(Path.Combine("whole", ModelFiles.Safetensors))));
    }

    [Fact]
    public void Execute_ResumedWithAnotherVocabularyOfTheSameSize_IsRefusedNamingIt()
    {
        Run(_task.Options("run", 2));
        string path = Path.Combine(_task.Tokenizer, "spiece.model");
        byte[] vocabulary = File.ReadAllBytes(path);
        vocabulary[vocabulary.AsSpan().IndexOf("spoon"u8)] = (byte)'x';
        File.WriteAllBytes(path, vocabulary);
        var error = Assert.Throws<InvalidDataException>(() => Run(_task.Options("run", 2) with { Resume = true }));
        Assert.Contains(" tokenizer was ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Execute_ResumedAfterTheValidationFileChanged_IsRefusedNamingIt()
    {
        TrainingOptions options = _task.Options("run", 2) with { EvalEvery = 2, ValidationData = _task.Validation };
        Run(options);
        File.AppendAllText(_task.Validation, File.ReadLines(_task.Data).First() + "\n");
        var error = Assert.Throws<InvalidDataException>(() => Run(options with { Resume = true }));
        Assert.Contains(" validation was ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Execute_OnRationalesOfATeacherRun_RecordsTheHashOfItsManifest()
    {
        string manifest = Path.Combine(_task.Folder, "manifest.json");
        File.WriteAllText(manifest, "{}");
        Run(_task.Options("run", 2));
        StudentFile student = StudentFile.TryRead(_task.Output("run"))!;
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(manifest))), student.TeacherManifestSha256);
    }

    [Fact]
    public void Execute_WithResume_DeletesWhatAKillLeft()
    {
        Run(_task.Options("run", 2));
        Directory.CreateDirectory(_task.Output(Path.Combine("run", "best.partial-0123abcd")));
        File.WriteAllText(_task.Output(Path.Combine("run", "model.safetensors.partial-0123abcd")), "");
        Run(_task.Options("run", 2) with { Resume = true });
        Assert.Empty(Leftovers.Find(_task.Output("run")));
    }

    [Fact]
    public void Execute_WithALogThatHoldsOtherThings_KeepsTheStepsBeforeThem()
    {
        Run(_task.Options("run", 2));
        string log = Path.Combine(_task.Output("run"), StepLog.FileName);
        string[] lines = File.ReadAllLines(log);
        File.WriteAllLines(log, [.. lines, "5", "null"]);
        Run(_task.Options("run", 2) with { Resume = true });
        Assert.Equal(lines, File.ReadAllLines(log));
    }

    [Fact]
    public void Execute_IntoAFolderThatHoldsARun_IsRefusedWithoutResume()
    {
        Run(_task.Options("run", 2));
        string[] before = Files("run");
        var error = Assert.Throws<InvalidDataException>(() => Run(_task.Options("run", 2)));
        Assert.Contains("--resume", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Files("run"));
    }

    [Theory]
    [InlineData(1, new long[] { 10 })]
    [InlineData(2, new long[] { 9, 10 })]
    [InlineData(0, new long[] { 3, 6, 9, 10 })]
    public void Execute_KeepsSoManyCheckpoints(int keep, long[] expected)
    {
        Run(_task.Options("run") with { Keep = keep });
        Assert.Equal(expected, new CheckpointFolder(_task.Output("run")).Steps);
        Assert.DoesNotContain(Files("run"), file => file.Contains(".partial-", StringComparison.Ordinal)
            || file.Contains(".replaced-", StringComparison.Ordinal));
    }

    [Fact]
    public void Execute_InterruptedAndResumedWithRecompute_GivesTheBitsOfTheRunThatKeepsActivations()
    {
        TrainingOptions options = _task.Options("keeps") with { Dropout = 0.1f, EvalEvery = 4, ValidationFraction = 0.25 };
        RecordingObserver keeps = Run(options);
        TrainingOptions recomputes = options with { Output = _task.Output("recomputes"), Recompute = true, Resume = true };
        var first = new RecordingObserver(cancelAfter: 5);
        Assert.Throws<OperationCanceledException>(() => Run(recomputes with { Recompute = false }, first));
        RecordingObserver rest = Run(recomputes);
        Assert.Equal(keeps.Steps, first.Steps.Concat(rest.Steps));
        AssertSameRun("keeps", "recomputes");
    }

    [Fact]
    public void Execute_OfTwoThreads_GivesTheBitsOfOne()
    {
        Run(_task.Options("one", 5), threads: 1);
        Run(_task.Options("two", 5), threads: 2);
        AssertSameRun("one", "two");
    }

    [Fact]
    public void Execute_FromAModelFolder_StartsWithItsWeights()
    {
        Run(_task.Options("first", 3));
        Run(_task.Options("second", 1) with { Model = _task.Output("first"), Tokenizer = null, Optimizer = new() { LearningRate = 0 } });
        AssertSameFile(Path.Combine("first", ModelFiles.Safetensors), Path.Combine("second", ModelFiles.Safetensors));
        AssertSameFile(Path.Combine("first", HuggingFaceConfig.ModelFileName), Path.Combine("second", HuggingFaceConfig.ModelFileName));
        AssertSameFile(Path.Combine("tokenizer", "spiece.model"), Path.Combine("second", "spiece.model"));
    }

    [Theory]
    [InlineData(5, 2, "of 10 rows: 1.5 epochs")]
    [InlineData(1000, 1, "of 16 rows: 3.0 epochs")]
    public void Execute_SaysHowManyEpochsItsStepsMake(int batch, int accumulate, string expected)
    {
        File.WriteAllLines(_task.Data, File.ReadLines(_task.Data).Take(16).ToArray());
        TrainingPlan plan = Run(_task.Options("run", 3) with { Batch = batch, Accumulate = accumulate }).Plan!;
        Assert.Contains(plan.Describe(), line => line.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Execute_PlansTheMemoryBeforeItTakesAny()
    {
        RecordingObserver observer = Run(_task.Options("run", 1) with { EvalEvery = 1 });
        TrainingPlan plan = observer.Plan!;
        Assert.True(plan.Model.Total > 0 && plan.OptimizerBytes == 2 * plan.Model.Parameters && plan.GenerationBytes > 0);
        var error = Assert.Throws<InsufficientMemoryException>(() => plan.RequireMemory(plan.TotalBytes - 1));
        Assert.Contains("--batch", error.Message, StringComparison.Ordinal);
        plan.RequireMemory(plan.TotalBytes);
    }

    [Fact]
    public void Memory_OfTheProcessor_DecidesForTheProcessorAlone()
    {
        // Far more tokens than this machine's memory holds keys and values of.
        var endless = new GenerationOptions { MaxNewTokens = 1 << 28 };
        TrainingOptions options = _task.Options("large") with { Batch = 1, EvalEvery = 1, ValidationFraction = 0.01, MaxNewTokens = endless.MaxNewTokens };
        Run(_task.Options("run", 1));

        AssertRefused(CpuBackend.Open(1), "MiB are free");
        AssertRefused(new RefusingBackend(CpuBackend.Open(1)) { Gifts = 0 }, "parameters: refused");

        void AssertRefused(IBackend backend, string reason)
        {
            using (backend)
            {
                Refuses(() => new TrainingRun(options, backend, new RecordingObserver()).Execute());
                using StudentModel student = StudentModel.Open(_task.Output("run"), null, backend);
                Refuses(() => student.Generator([[1]], 1, endless).Dispose());
            }

            void Refuses(Action work) => Assert.Contains(reason, Assert.Throws<InsufficientMemoryException>(work).Message, StringComparison.Ordinal);
        }
    }

    RecordingObserver Run(TrainingOptions options, RecordingObserver? observer = null, int threads = 1, ComputePrecision precision = ComputePrecision.F32)
    {
        observer ??= new RecordingObserver();
        using var backend = CpuBackend.Open(threads, precision);
        long steps = new TrainingRun(options, backend, observer).Execute(observer.Cancel);
        Assert.True(steps == options.Steps || options.Patience > 0);
        return observer;
    }

    void AssertSameRun(string first, string second)
    {
        AssertSameFile(Path.Combine(first, ModelFiles.Safetensors), Path.Combine(second, ModelFiles.Safetensors));
        string Last(string run) =>
            Path.GetRelativePath(_task.Folder, new CheckpointFolder(_task.Output(run)).PathOf(new CheckpointFolder(_task.Output(run)).Steps[^1]));
        foreach (string name in (string[])[ModelFiles.Safetensors, "optimizer.safetensors", "state.json"])
            AssertSameFile(Path.Combine(Last(first), name), Path.Combine(Last(second), name));
    }

    void AssertSameFile(string first, string second) =>
        Assert.True(File.ReadAllBytes(_task.Output(first)).AsSpan().SequenceEqual(File.ReadAllBytes(_task.Output(second))), $"{first} and {second} differ.");

    string[] Files(string output) => [.. Directory.EnumerateFiles(_task.Output(output), "*", SearchOption.AllDirectories)
        .Select(file => $"{file} {File.GetLastWriteTimeUtc(file).Ticks}").Order(StringComparer.Ordinal)];
}
