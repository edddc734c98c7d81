using System.CommandLine;
using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Kernels;
using DistillEngine.Training;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill predict</c>.</summary>
static class PredictVerb
{
    public static Command Build(Io io)
    {
        var text = new Argument<string?>("TEXT") { Description = "One input", Arity = ArgumentArity.ZeroOrOne };
        var model = new Option<string>("--model") { Description = "Folder of a trained model", Required = true, HelpName = "DIR" };
        var input = new Option<string?>("--input")
        {
            Description = "File of inputs: a text a line, or JSON lines (.jsonl) with id, input, fields", HelpName = "FILE",
        };
        var task = new Option<string?>("--task") { Description = "Default: the task the model was trained on", HelpName = "NAME|FILE" };
        var explain = new Option<bool>("--explain") { Description = "Write the explanation too" };
        var jsonl = new Option<bool>("--jsonl") { Description = "Write one object an input: id, input, label, rationale" };
        GenerationOptionSet generation = new();
        Option<int> threads = DeviceOptions.Threads();
        Option<string> device = DeviceOptions.Device();
        var command = new Command("predict", "Answer inputs, and explain the answers") { text, model, input, task, explain, jsonl, threads, device };
        generation.AddTo(command);
        command.SetAction(p =>
        {
            using IBackend backend = DeviceOptions.Open(p.GetValue(device)!, p.GetValue(threads), weights: generation.Weights(p), cache: generation.Cache(p),
                report: io.Error.WriteLine);
            using StudentModel student = StudentModel.Open(p.GetValue(model)!, p.GetValue(task), backend, generation.Weights(p));
            bool isExplaining = p.GetValue(explain);
            if (isExplaining && student.Method == TrainingMethod.Standard)
                throw new UsageException($"--explain: {p.GetValue(model)} was trained with --method standard and cannot explain. "
                    + "Train with --method step-by-step.");
            List<PredictInput> inputs = (p.GetValue(text), p.GetValue(input)) switch
            {
                ({ } one, null) => [PredictInput.OfText(one, student.Task)],
                (null, { } file) => PredictInput.ReadFile(file, student.Task),
                _ => throw new UsageException("Give either one TEXT or --input FILE."),
            };
            IReadOnlyList<string>[] segments = [.. inputs.Select(i => i.Segments)];
            int[][] sources = student.Encode(segments, TaskKind.Label);
            int[][] explainSources = isExplaining ? student.Encode(segments, TaskKind.Rationale) : [];
            if (student.Cuts is { Length: > 0 } cuts) io.Error.WriteLine($"{cuts}.");
            var progress = new ProgressLine(io);
            using BatchGenerator generator = student.Generator([.. sources, .. explainSources], generation.Rows(p), generation.Options(p));
            int written = 0;
            try
            {
                // Batch by batch in the order of the inputs: whatever stops the program, what is answered stands written.
                foreach (Range batch in Batches(inputs.Count, generation.Rows(p)))
                {
                    int[][] labels = generator.Generate(sources[batch], cancel: io.Cancel);
                    int[][] rationales = isExplaining ? generator.Generate(explainSources[batch], cancel: io.Cancel) : [];
                    progress.Clear();
                    for (int i = 0; i < labels.Length; i++, written++)
                        Write(io, inputs[written], student.Tokenizer.Decode(labels[i]), isExplaining ? student.Tokenizer.Decode(rationales[i]) : null, p.GetValue(jsonl));
                    io.Output.Flush();
                    progress.Update($"{written:N0}/{inputs.Count:N0} answers");
                }
                progress.Clear();
            }
            catch (OperationCanceledException)
            {
                progress.Message($"The first {written:N0} of {inputs.Count:N0} answers are written.");
                throw;
            }
            GenerationOptionSet.ReportEnded(io, generator, (isExplaining ? 2 : 1) * inputs.Count);
            return ExitCode.Ok;
        });
        return command;
    }

    static IEnumerable<Range> Batches(int count, int rows)
    {
        for (long start = 0; start < count; start += rows) yield return (int)start..(int)Math.Min(start + rows, count);
    }

    static void Write(Io io, PredictInput input, string label, string? rationale, bool jsonl)
    {
        if (jsonl)
        {
            io.WriteJson(w =>
            {
                w.WriteString("id", input.Id);
                w.WriteString("input", input.Text);
                w.WriteString("label", label);
                if (rationale is not null) w.WriteString("rationale", rationale);
            });
            return;
        }
        io.Output.WriteLine(label);
        if (rationale is not null) io.Output.WriteLine($"  because: {rationale}");
    }
}
