using System.Diagnostics;
using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Tokenization;
using DistillEngine.Formats;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Training;

/// <summary>
/// A whole run: rationale file → ids → batches → steps → checkpoints → model folder. The output folder holds <c>log.jsonl</c>,
/// <c>checkpoints/</c>, <c>best/</c> where the run evaluates, and at the end the model itself.
/// </summary>
public sealed class TrainingRun
{
    const string BestFolder = "best";

    readonly TrainingOptions _options;
    readonly IBackend _backend;
    readonly ITrainingObserver _observer;
    readonly CheckpointFolder _checkpoints;

    string BestPath => Path.Combine(_options.Output, BestFolder);

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public TrainingRun(TrainingOptions options, IBackend backend, ITrainingObserver observer)
    {
        options.Validate();
        (_options, _backend, _observer) = (options, backend, observer);
        _checkpoints = new CheckpointFolder(options.Output);
    }

    /// <summary>Runs to the end, or until cancelled; a cancelled run leaves a checkpoint of its last step.</summary>
    /// <returns>The last step done.</returns>
    /// <exception cref="OperationCanceledException">After the checkpoint was written.</exception>
    /// <exception cref="InvalidDataException">Data, model or tokenizer cannot be used; or the folder holds another run, or one that goes
    /// on.</exception>
    public long Execute(CancellationToken cancel = default)
    {
        CheckOutput();
        using ModelFolder? start = OpenStart();
        string tokenizerPath = _options.Tokenizer ?? start?.Path
            ?? throw new ArgumentException($"--tokenizer is needed: '{_options.Model}' is trained from scratch and has no tokenizer of its own.");
        SentencePieceTokenizer tokenizer = SentencePieceTokenizer.Load(tokenizerPath);
        T5Config config = start?.Config ?? T5Presets.Find(_options.Model)!.WithVocabulary(tokenizer.VocabularySize);
        TrainingData data = TrainingData.Load(_options, tokenizer);
        TrainingPlan plan = TrainingPlan.Of(_options, config, tokenizer, data);
        _observer.Planned(plan);
        // Other devices say themselves when their memory is used up.
        if (_backend is CpuBackend) plan.RequireMemory(SystemMemory.AvailableBytes);
        Directory.CreateDirectory(_options.Output);
        using var held = RunLock.Take(_options.Output);
        // Meanwhile another run may have been here.
        CheckOutput();
        RestoreBest();
        // What a kill in the middle of writing the best or the last model left.
        Leftovers.Delete(_options.Output);

        using var model = new T5Model(config, plan.Limits, _backend, training: true, recompute: _options.Recompute);
        using IOptimizer optimizer = Optimizers.Create(_options.Optimizer, model.Parameters, _backend.Kernels, _backend);
        using var trainer = new Trainer(model, optimizer, _options.NewSchedule(), Settings(config));
        var batches = new Batcher(data.Examples, new BatcherOptions(_options.Batch, _options.Accumulate, _options.Seed, _options.Order, _options.BucketSteps));
        var tokenizerFiles = new TokenizerFiles(tokenizerPath);
        var progress = new RunProgress(_options.Settings(_backend.Precision, data.Sha256, data.Task.Sha256, tokenizerFiles.HashOfContents(), data.ValidationSha256),
            _backend.Name);
        using var context = new Context(plan, model, optimizer, trainer, batches, progress, start?.File, tokenizerFiles);
        if (!TryResume(context))
        {
            if (start is null) model.Initialize(_options.Seed);
            else start.LoadInto(model);
        }
        Loop(context, cancel);
        SaveModel(context);
        return trainer.StepCount;
    }

    void Loop(Context c, CancellationToken cancel)
    {
        using var log = new StepLog(_options.Output, c.Trainer.StepCount);
        long saved = c.Trainer.StepCount;
        while (c.Trainer.StepCount < _options.Steps && !c.Progress.IsExhausted(_options.Patience))
        {
            long started = Stopwatch.GetTimestamp();
            StepReport report = c.Trainer.Step(c.Batches);
            double rate = report.Tokens / Stopwatch.GetElapsedTime(started).TotalSeconds;
            log.Write(report, rate);
            _observer.Stepped(report, rate);
            if (IsDue(_options.EvalEvery, report.Step)) Evaluate(c, report.Step);
            if (IsDue(_options.SaveEvery, report.Step) || cancel.IsCancellationRequested) Save(c, saved = report.Step);
            if (cancel.IsCancellationRequested && report.Step < _options.Steps) throw new OperationCanceledException(cancel);
        }
        if (saved < c.Trainer.StepCount) Save(c, c.Trainer.StepCount);
    }

    static bool IsDue(long every, long step) => every > 0 && step % every == 0;

    void Evaluate(Context c, long step)
    {
        EvaluationResult result = c.Plan.Data.Validation!.Run(c.Generator!);
        bool isBest = c.Progress.Record(step, result.Accuracy);
        if (isBest) SaveModelTo(c, BestPath, step, result.Accuracy);
        _observer.Evaluated(step, result, isBest);
    }

    void Save(Context c, long step)
    {
        RunState state = c.Progress.StateAt(step, c.Batches.Position, c.Optimizer.StepCount, c.Trainer.SkippedInARow);
        // Checkpoints from before a training went astray are what its user goes back to: none is deleted while steps are skipped.
        _checkpoints.Save(state, c.Model, c.Optimizer, c.Template, c.TokenizerFiles, c.Trainer.SkippedInARow > 0 ? 0 : _options.Keep);
        _observer.Saved(step, _checkpoints.PathOf(step));
    }

    /// <summary>The model a user takes: the best one where the run evaluated, else the last.</summary>
    void SaveModel(Context c)
    {
        long step = c.Trainer.StepCount;
        double? accuracy = c.Progress.BestAccuracy;
        if (accuracy is not null)
        {
            using ModelFolder folder = ModelFolder.Open(BestPath);
            folder.LoadInto(c.Model);
            step = c.Progress.BestStep;
        }
        else
        {
            c.Trainer.RequireConvergence();
        }
        WriteModel(c, _options.Output, step, accuracy);
        _observer.Saved(step, _options.Output);
    }

    void SaveModelTo(Context c, string path, long step, double accuracy)
    {
        using var folder = new AtomicFolder(path);
        WriteModel(c, folder.WorkingPath, step, accuracy);
        folder.Commit(replace: true);
    }

    void WriteModel(Context c, string folder, long step, double? accuracy)
    {
        ModelFolder.Save(folder, c.Model.Config, c.Model.Parameters, _backend, c.Template, c.TokenizerFiles);
        new StudentFile
        {
            Task = _options.Task, Method = _options.Method, Step = step, ValidationAccuracy = accuracy, DataSha256 = c.Plan.Data.Sha256,
            TeacherManifestSha256 = c.Plan.Data.TeacherManifestSha256,
            Settings = c.Progress.Settings,
        }.Write(folder, c.Plan.Data.TaskFile);
    }

    /// <summary>A kill between the two renames of a replacement leaves the best model aside.</summary>
    void RestoreBest()
    {
        if (Directory.Exists(BestPath)) return;
        string? aside = Leftovers.Find(_options.Output).FirstOrDefault(p => Path.GetFileName(p).StartsWith($"{BestFolder}.replaced-", StringComparison.Ordinal));
        if (aside is not null) Directory.Move(aside, BestPath);
    }

    bool TryResume(Context c)
    {
        if (!_options.Resume || _checkpoints.Steps is not [.., var step]) return false;
        RunState state = _checkpoints.ReadState(step);
        c.Progress.Restore(state, _checkpoints.PathOf(step));
        if (state.BestAccuracy is not null && !Directory.Exists(BestPath))
            throw new InvalidDataException($"{BestPath}: is missing, though the best model so far, of step {state.BestStep}, belongs there. "
                + "Put the folder back, or give another --output.");
        _checkpoints.Restore(step, state.OptimizerStep, c.Model, c.Optimizer);
        Seek(c.Batches, state);
        c.Trainer.Resume(step, state.SkippedInARow);
        _observer.Resumed(step, state.Device == _backend.Name ? null : state.Device);
        return true;
    }

    void Seek(Batcher batches, RunState state)
    {
        try
        {
            batches.Seek(new DataPosition(state.Epoch, state.Row, _options.Seed));
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{_checkpoints.StatePathOf(state.Step)}: "
                + $"no step of this run starts at row {state.Row} of epoch {state.Epoch}. {_checkpoints.RemedyAt(state.Step)}", e);
        }
    }

    TrainerSettings Settings(T5Config config) => new()
    {
        Alpha = _options.Alpha ?? TrainingOptions.StandardAlpha, AccumulateMean = _options.AccumulateMean, Clip = _options.Clip, Dropout = _options.Dropout
            ?? config.DropoutRate, Seed = _options.Seed,
    };

    ModelFolder? OpenStart()
    {
        if (Directory.Exists(_options.Model)) return ModelFolder.Open(_options.Model);
        if (T5Presets.Find(_options.Model) is not null) return null;
        throw new InvalidDataException($"{_options.Model}: is neither a folder nor one of {string.Join(", ", T5Presets.Names)}.");
    }

    void CheckOutput()
    {
        if (Directory.Exists(_options.Model) && FullPath(_options.Output) == FullPath(_options.Model))
            throw new InvalidDataException($"{_options.Output}: is the model to start from, which the run would replace. Give another --output.");
        // A run that ended before its first checkpoint begins again, but a model without checkpoints is nobody's run to go on with.
        bool holdsModel = ((string[])[ModelFiles.Safetensors, ModelFiles.SafetensorsIndex, ModelFiles.PyTorch, ModelFiles.PyTorchIndex])
            .Any(name => File.Exists(Path.Combine(_options.Output, name)));
        if (_options.Resume)
        {
            if (holdsModel && _checkpoints.Steps.Count == 0)
                throw new InvalidDataException($"{_options.Output}: holds a model and no checkpoint to go on from. Give another --output.");
            return;
        }
        if (_checkpoints.Steps.Count > 0 || holdsModel || File.Exists(Path.Combine(_options.Output, StepLog.FileName)))
            throw new InvalidDataException($"{_options.Output}: holds a run. Add --resume to go on with it, or give another --output.");
    }

    static string FullPath(string folder) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));

    /// <summary>What the loop works on.</summary>
    sealed record Context(TrainingPlan Plan, T5Model Model, IOptimizer Optimizer, Trainer Trainer, Batcher Batches, RunProgress Progress,
        HuggingFaceConfig? Template, TokenizerFiles TokenizerFiles) : IDisposable
    {
        /// <summary>Null where the run does not evaluate.</summary>
        public BatchGenerator? Generator { get; } = Plan.Data.Validation is null
            ? null
            : new(Model, new GenerationOptions { MaxNewTokens = Plan.Options.MaxNewTokens, VocabularySize = Plan.TokenizerSize }, TrainingPlan.EvaluationRows);

        public void Dispose() => Generator?.Dispose();
    }
}
