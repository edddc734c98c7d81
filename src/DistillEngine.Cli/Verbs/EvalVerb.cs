using System.CommandLine;
using DistillEngine.Benchmarks;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Rationales;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill eval</c>.</summary>
static class EvalVerb
{
    public static Command Build(Io io)
    {
        var model = new Option<string>("--model") { Description = "Folder of a trained model", Required = true, HelpName = "DIR" };
        var data = new Option<string>("--data") { Description = "Rationale file with gold labels", Required = true, HelpName = "FILE" };
        var task = new Option<string?>("--task") { Description = "Default: the task the model was trained on", HelpName = "NAME|FILE" };
        GenerationOptionSet generation = new();
        Option<int> threads = DeviceOptions.Threads();
        Option<string> device = DeviceOptions.Device();
        Option<bool> profile = Profiling.Option();
        Option<bool> json = CommonOptions.Json("rows, metric, accuracy (0 to 1), low and high (95 % interval)");
        var command = new Command("eval", "Measure a trained model on labelled rows with its task's metric")
        {
            model, data, task, threads, device, profile, json,
        };
        generation.AddTo(command);
        command.SetAction(p =>
        {
            using IBackend backend = DeviceOptions.Open(p.GetValue(device)!, p.GetValue(threads), weights: generation.Weights(p), cache: generation.Cache(p),
                report: io.Error.WriteLine);
            using StudentModel student = StudentModel.Open(p.GetValue(model)!, p.GetValue(task), backend, generation.Weights(p));
            EvaluationResult result = Profiling.Run(p.GetValue(profile), io, backend, DecodeWork.OperandsOf(generation.Weights(p)),
                () => Evaluate(io, student, p.GetValue(data)!, generation.Rows(p), generation.Options(p)));
            if (p.GetValue(json))
                io.WriteJson(w =>
                {
                    w.WriteNumber("rows", result.Rows.Count);
                    w.WriteString("metric", result.Metric);
                    w.WriteNumber("accuracy", result.Accuracy);
                    if (result.Interval is not { } interval) return;
                    w.WriteNumber("low", interval.Low);
                    w.WriteNumber("high", interval.High);
                });
            else
                io.Output.WriteLine(result.Describe(digits: 2));
            return ExitCode.Ok;
        });
        return command;
    }

    internal static EvaluationResult Evaluate(Io io, StudentModel student, string data, int rows, GenerationOptions options)
    {
        List<RationaleRow> all = RationaleReader.ReadAll(data, student.Task);
        List<EvaluationExample> examples = [.. all.Select(r => EvaluationExample.Of(r, student.Task)).OfType<EvaluationExample>()];
        if (examples.Count == 0) throw new InvalidDataException($"{data}: none of the {all.Count} rows has a gold label, so nothing can be measured.");
        if (examples.Count < all.Count) io.Error.WriteLine($"{all.Count - examples.Count:N0} of {all.Count:N0} rows have no gold label and are left out.");
        TaskEncoder encoder = student.NewEncoder();
        var evaluator = new Evaluator(examples, encoder, student.Tokenizer, Metric.Named(student.Task.Metric));
        if (encoder.Cuts is { Length: > 0 } cuts) io.Error.WriteLine($"{cuts}.");
        using BatchGenerator generator = student.Generator(evaluator.Sources, rows, options);
        var progress = new ProgressLine(io);
        EvaluationResult result = evaluator.Run(generator, done => progress.Update($"{done:N0}/{examples.Count:N0} rows"), io.Cancel);
        progress.Clear();
        GenerationOptionSet.ReportEnded(io, generator, examples.Count);
        return result;
    }
}
