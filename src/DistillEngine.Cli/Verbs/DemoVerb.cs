using System.CommandLine;
using System.Globalization;
using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Rationales;
using DistillEngine.Kernels;
using DistillEngine.Training;
using DistillEngine.Training.Demo;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill demo</c>: the main job on data that the program makes itself.</summary>
static class DemoVerb
{
    const int ExamplesShown = 4;

    public static Command Build(Io io)
    {
        var output = new Option<string>("--output") { Description = "Folder for data and models", DefaultValueFactory = _ => "distill-demo", HelpName = "DIR" };
        var steps = CommonOptions.AtLeast(new Option<long>("--steps")
        {
            Description = "Steps of each of the two trainings", DefaultValueFactory = _ => DemoData.Steps, HelpName = "N",
        }, 1);
        var seed = new Option<ulong>("--seed") { Description = "Seed of questions, weights and order", DefaultValueFactory = _ => 1UL, HelpName = "N" };
        Option<int> threads = DeviceOptions.Threads();
        var command = new Command("demo", "Train on everyday questions with and without rationales, and compare: no download, a few minutes")
        {
            output, steps, seed, threads,
        };
        command.SetAction(p =>
        {
            string folder = p.GetValue(output)!;
            if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
                throw new UsageException($"{folder} is not empty. Delete it, or give another --output.");
            var data = DemoData.Write(folder, p.GetValue(seed));
            io.Error.WriteLine($"Made {data.TrainRows:N0} training and {data.TestRows:N0} test questions about everyday things in {folder}, such as:");
            foreach (EverydayQuestion q in data.Examples) io.Error.WriteLine($"  {q.Input}  ->  {q.Label}   because: {q.Rationale}");
            using IBackend backend = DeviceOptions.Open("cpu", p.GetValue(threads));
            EvaluationResult standard = Train(io, backend, data, TrainingMethod.Standard, p.GetValue(steps), p.GetValue(seed));
            EvaluationResult stepByStep = Train(io, backend, data, TrainingMethod.StepByStep, p.GetValue(steps), p.GetValue(seed));
            Report(io, data, standard, stepByStep);
            ShowAnswers(io, backend, data);
            ShowCommands(io, data, p.GetValue(steps), p.GetValue(seed));
            return ExitCode.Ok;
        });
        return command;
    }

    static EvaluationResult Train(Io io, IBackend backend, DemoData data, TrainingMethod method, long steps, ulong seed)
    {
        TrainingOptions options = data.Options(method, steps, seed);
        io.Error.WriteLine($"\n=== {DemoData.NameOf(method)} ===");
        var console = new TrainingConsole(io, backend, steps, json: false);
        new TrainingRun(options, backend, console).Execute(io.Cancel);
        using StudentModel student = StudentModel.Open(options.Output, null, backend);
        EvaluationResult result = EvalVerb.Evaluate(io, student, data.TestPath, DemoData.EvaluationRows, DemoData.Generation);
        console.Finish($"{DemoData.NameOf(method)}: {Percent(result.Accuracy)} of {result.Rows.Count:N0} unseen questions right");
        return result;
    }

    static void Report(Io io, DemoData data, EvaluationResult standard, EvaluationResult stepByStep)
    {
        io.Output.WriteLine();
        io.Output.WriteLine($"Accuracy on {standard.Rows.Count:N0} unseen questions, after the same number of steps on the same {data.TrainRows:N0} rows:");
        io.Output.WriteLine();
        io.Output.WriteLine($"  {"",-14} {"all",8}  {"95 % interval",-18} {string.Join("  ", DemoData.Kinds.Select(k => $"{k,8}"))}");
        Row("standard", standard);
        Row("step-by-step", stepByStep);
        double gain = 100 * (stepByStep.Accuracy - standard.Accuracy);
        io.Output.WriteLine();
        io.Output.WriteLine(gain > 0
            ? string.Create(CultureInfo.InvariantCulture, $"Learning to explain gained {gain:F1} points here.")
            : string.Create(CultureInfo.InvariantCulture, $"Learning to explain gained nothing here ({gain:F1} points)."));

        void Row(string name, EvaluationResult r) => io.Output.WriteLine(
            $"  {name,-14} {Percent(r.Accuracy),8}  {(r.Interval is { } range ? $"{Percent(range.Low)} to {Percent(range.High)}" : ""),-18} "
            + $"{string.Join("  ", DemoData.Kinds.Select(k => $"{Percent(DemoData.AccuracyOf(k, r)),8}"))}");
    }

    static void ShowAnswers(Io io, IBackend backend, DemoData data)
    {
        using StudentModel student = StudentModel.Open(data.Options(TrainingMethod.StepByStep, 1, 0).Output, null, backend);
        List<RationaleRow> rows = [.. RationaleReader.ReadAll(data.TestPath).Take(ExamplesShown)];
        IReadOnlyList<string>[] inputs = [.. rows.Select(r => TrainingSelection.Segments(r, student.Task))];
        int[][] labelSources = student.Encode(inputs, TaskKind.Label), rationaleSources = student.Encode(inputs, TaskKind.Rationale);
        using BatchGenerator generator = student.Generator([.. labelSources, .. rationaleSources], DemoData.EvaluationRows, DemoData.Generation);
        int[][] labels = generator.Generate(labelSources), rationales = generator.Generate(rationaleSources);
        io.Output.WriteLine();
        io.Output.WriteLine("What the step-by-step model says about questions it never saw:");
        for (int i = 0; i < rows.Count; i++)
        {
            io.Output.WriteLine($"  {rows[i].Input}");
            io.Output.WriteLine($"    {student.Tokenizer.Decode(labels[i])}   (right: {rows[i].Label})   because: {student.Tokenizer.Decode(rationales[i])}");
        }
    }

    static void ShowCommands(Io io, DemoData data, long steps, ulong seed)
    {
        TrainingOptions o = data.Options(TrainingMethod.StepByStep, steps, seed);
        string again = CommandText.Quote(o.Output + "-again"), train = CommandText.Quote(data.TrainPath), task = CommandText.Quote(data.TaskPath),
            tokenizer = CommandText.Quote(data.TokenizerPath);
        io.Output.WriteLine();
        io.Output.WriteLine("The same by hand:");
        io.Output.WriteLine($"  distill data stats {train} --task {task} --tokenizer {tokenizer}");
        io.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  distill train --data {train} --task {task} --model {o.Model} --tokenizer {tokenizer} --output {again} "
            + $"--steps {steps} --batch {o.Batch} --lr {o.Optimizer.LearningRate} --warmup {o.Warmup} --seed {seed}"));
        io.Output.WriteLine($"  distill eval --model {again} --data {CommandText.Quote(data.TestPath)}");
        io.Output.WriteLine($"  distill predict --model {again} \"which is larger, a spoon or a bridge?\" --explain");
    }

    static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:F1} %");
}
