using System.CommandLine;
using DistillEngine.Benchmarks;
using DistillEngine.Data.Batching;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill train</c>.</summary>
static class TrainVerb
{
    public static Command Build(Io io)
    {
        var data = new Option<string>("--data")
        {
            Description = "Rationale file (distill.rationale/1, JSON lines, may be .gz)", Required = true, HelpName = "FILE",
        };
        var task = new Option<string>("--task") { Description = "svamp, cqa, anli1, esnli, or a task file", Required = true, HelpName = "NAME|FILE" };
        var model = new Option<string>("--model")
        {
            Description = $"{string.Join(", ", T5Presets.Names)} (trained from scratch), or a model folder", Required = true, HelpName = "NAME|FOLDER",
        };
        var tokenizer = new Option<string?>("--tokenizer")
        {
            Description = "spiece.model, tokenizer.json, or a folder with one; default: the model folder's", HelpName = "FILE",
        };
        var output = new Option<string>("--output")
        {
            Description = "Folder of the run; at the end it is the trained model's folder", Required = true, HelpName = "DIR",
        };
        var method = new ChoiceOption<TrainingMethod>("--method", "Training method", ("step-by-step", TrainingMethod.StepByStep),
            ("standard", TrainingMethod.Standard));
        var labelSource = new ChoiceOption<LabelSource>("--label-source", "Labels to train on",
            ("gold-else-teacher", LabelSource.GoldElseTeacher), ("gold", LabelSource.Gold), ("teacher", LabelSource.Teacher));
        var onMismatch = new ChoiceOption<MismatchRule>("--on-mismatch", "Rows whose teacher label differs from gold", ("keep", MismatchRule.Keep),
            ("drop", MismatchRule.Drop));
        var accumulateMean = new ChoiceOption<AccumulateMean>("--accumulate-mean", "What a step's losses are means of",
            ("tokens", AccumulateMean.Tokens), ("micro-batches", AccumulateMean.MicroBatches));
        var order = new ChoiceOption<RowOrder>("--order", "Order of the rows", ("shuffled", RowOrder.Shuffled), ("published", RowOrder.Published),
            ("file", RowOrder.File));
        var standard = new TrainingOptions { Data = "", Task = "", Model = "", Output = "" };
        var alpha = new Option<double?>("--alpha")
        {
            Description = $"Loss = alpha x label loss + (1 - alpha) x rationale loss; default: {TrainingOptions.StandardAlpha}", HelpName = "X",
        };
        Option<long> steps = Number("--steps", "Optimizer steps", standard.Steps);
        Option<int> batch = Number("--batch", "Rows of a micro-batch", standard.Batch);
        Option<int> accumulate = Number("--accumulate", "Micro-batches of a step", standard.Accumulate);
        Option<int> bucketSteps = Number("--bucket-steps", "Steps within whose rows batches of like lengths are formed; 0 = off", standard.BucketSteps);
        var optimizer = new Option<string>("--optimizer")
        {
            Description = string.Join(", ", Optimizers.Names), DefaultValueFactory = _ => "adamw", HelpName = "NAME",
        };
        var rate = new Option<double?>("--lr") { Description = "Peak learning rate; default: the optimizer's", HelpName = "X" };
        Option<double> weightDecay = Number("--weight-decay", "Decoupled weight decay", 0.0);
        var schedule = new Option<string?>("--schedule")
        {
            Description = $"{string.Join(", ", LearningRateSchedule.Names)}; default: {TrainingOptions.StandardSchedule}", HelpName = "NAME",
        };
        Option<long> warmup = Number("--warmup", "Steps of warm-up", standard.Warmup);
        Option<float> clip = Number("--clip", "Greatest global gradient norm; 0 = no clipping, but the norm is still taken: a step whose norm is no finite number is skipped", standard.Clip);
        var dropout = new Option<float?>("--dropout") { Description = "Dropout probability; default: the model's", HelpName = "X" };
        Option<ulong> seed = Number("--seed", "Seed of weights, order and dropout", standard.Seed);
        Option<long> saveEvery = Number("--save-every", "Steps between checkpoints; 0 = only at the end", standard.SaveEvery);
        Option<long> evalEvery = Number("--eval-every", "Steps between validations by generation; 0 = never", standard.EvalEvery);
        var validation = new Option<string?>("--validation") { Description = "Rationale file to validate on; default: a share of --data", HelpName = "FILE" };
        var validationFraction = new Option<double?>("--validation-fraction")
        {
            Description = $"Share of --data held out when validating without a file; default: the task's, else {TrainingOptions.StandardValidationFraction}",
            HelpName = "X",
        };
        Option<int> patience = Number("--patience", "Stop after so many validations without a better one; 0 = never", standard.Patience);
        Option<int> maxNewTokens = Number("--max-new-tokens", "Longest answer in validation", standard.MaxNewTokens);
        Option<int> keep = Number("--keep", "Checkpoints that stay; 0 = all", standard.Keep);
        var resume = new Option<bool>("--resume") { Description = "Go on from the newest checkpoint of --output, or start where there is none" };
        Option<bool> recompute = DeviceOptions.Recompute();
        Option<int> threads = DeviceOptions.Threads();
        Option<string> device = DeviceOptions.Device();
        ChoiceOption<ComputePrecision> precision = DeviceOptions.Precision();
        Option<bool> profile = Profiling.Option();
        Option<bool> json = CommonOptions.Json("one object a step: step, loss, labelLoss, rationaleLoss, gradientNorm, learningRate, tokensPerSecond");
        var command = new Command("train", "Train a T5 on a rationale file: predict the label and explain it")
        {
            data, task, model, tokenizer, output, method, alpha, steps, batch, accumulate, accumulateMean, optimizer, rate, weightDecay, schedule, warmup, clip,
            dropout, seed, threads, device, precision, recompute, saveEvery, evalEvery, validation, validationFraction, patience, maxNewTokens,
            keep, labelSource, onMismatch, order, bucketSteps, resume, profile, json,
        };
        command.SetAction(p =>
        {
            string name = p.GetValue(optimizer)!;
            var options = new TrainingOptions
            {
                Data = p.GetValue(data)!, Task = p.GetValue(task)!, Model = p.GetValue(model)!, Tokenizer = p.GetValue(tokenizer), Output = p.GetValue(output)!,
                Method = method.Of(p), LabelSource = labelSource.Of(p), OnMismatch = onMismatch.Of(p), Alpha = p.GetValue(alpha),
                AccumulateMean = accumulateMean.Of(p), Steps = p.GetValue(steps), Batch = p.GetValue(batch), Accumulate = p.GetValue(accumulate),
                Order = order.Of(p), BucketSteps = p.GetValue(bucketSteps),
                Optimizer = new()
                {
                    Name = name, LearningRate = p.GetValue(rate) ?? Optimizers.DefaultLearningRate(name), WeightDecay = p.GetValue(weightDecay),
                },
                Schedule = p.GetValue(schedule), Warmup = p.GetValue(warmup),
                Clip = p.GetValue(clip), Dropout = p.GetValue(dropout), Recompute = p.GetValue(recompute), Seed = p.GetValue(seed),
                SaveEvery = p.GetValue(saveEvery), EvalEvery = p.GetValue(evalEvery),
                ValidationData = p.GetValue(validation), ValidationFraction = p.GetValue(validationFraction), Patience = p.GetValue(patience),
                MaxNewTokens = p.GetValue(maxNewTokens), Keep = p.GetValue(keep), Resume = p.GetValue(resume),
            };
            using IBackend backend = DeviceOptions.Open(p.GetValue(device)!, p.GetValue(threads), precision.Of(p), report: io.Error.WriteLine);
            var observer = new TrainingConsole(io, backend, options.Steps, p.GetValue(json));
            try
            {
                Profiling.Run(p.GetValue(profile), io, backend, PeakKinds.Of(backend.Precision),
                    () => new TrainingRun(options, backend, observer).Execute(io.Cancel));
            }
            catch (OperationCanceledException)
            {
                observer.Finish("The same command with --resume goes on from here.");
                throw;
            }
            string trained = CommandText.Quote(options.Output);
            observer.Finish($"Trained {options.Output}. Next: distill eval --model {trained} --data FILE, or distill predict --model {trained} \"a question\""
                + (options.Method == TrainingMethod.StepByStep ? " --explain" : ""));
            return ExitCode.Ok;
        });
        return command;
    }

    static Option<T> Number<T>(string name, string description, T standard) =>
        new(name) { Description = description, DefaultValueFactory = _ => standard, HelpName = standard is double or float ? "X" : "N" };
}
