using System.CommandLine;
using System.Text.Json;
using DistillEngine.Bench;
using DistillEngine.Benchmarks;
using DistillEngine.Compare;
using DistillEngine.Kernels;
using TorchSharp;

return Host.UnderSignals("Stopping after this round.", cancel =>
{
    var io = new Io(Console.Out, Console.Error, cancel);
    return Host.Run("compare", Build(io), args, io, "stopped.", _ => null);
});

static RootCommand Build(Io io)
{
    (int Rows, int Inputs, int Outputs)[] products = [(512, 768, 2048), (512, 2048, 768), (1024, 1024, 1024), (2048, 2048, 2048)];
    Option<int> Count(string name, string description, int standard) =>
        CommonOptions.AtLeast(new Option<int>(name) { Description = description, DefaultValueFactory = _ => standard, HelpName = "N" }, 1);
    var model = new Option<string>("--model") { Description = "A T5 of v1.1's form, or a model folder", DefaultValueFactory = _ => "v1.1-small", HelpName = "NAME|FOLDER" };
    Option<int> batch = Count("--batch", "Rows of a step", 8), decodeBatch = Count("--decode-batch", "Sequences decoded together", 1);
    Option<int> source = Count("--source", "Tokens of each source", 64), target = Count("--target", "Tokens of each target", 32);
    Option<int> tokens = Count("--tokens", "New tokens of each sequence", 32), rounds = Count("--rounds", "Turns of each side", 5);
    Option<int> threads = Count("--threads", "Compute threads of each side", Environment.ProcessorCount);
    var types = new ChoiceOption<ComputePrecision[]>("--dtype", "Type of both sides' products, and of the weights while decoding",
        ("both", [ComputePrecision.F32, ComputePrecision.Bf16]), ("f32", [ComputePrecision.F32]), ("bf16", [ComputePrecision.Bf16]));
    var record = new Option<bool>("--record") { Description = "Write Markdown and JSON to bench/results/<processor>/" };
    Option<bool> json = CommonOptions.Json("one object a comparison: work, oursMs, torchMs, ratio, agreement");
    var root = new RootCommand("Times products, a training step, the method's own step and a greedy generation with this engine and with libtorch, in turns, from the same weights")
    {
        model, batch, source, target, decodeBatch, tokens, rounds, threads, types, record, json,
    };
    root.SetAction(p =>
    {
        if (BenchModel.Config(p.GetValue(model)!) is not { FeedForward: DistillEngine.Model.FeedForwardKind.GatedGelu, TiedHead: false })
            throw new UsageException($"--model {p.GetValue(model)}: the comparison knows v1.1's form alone: a gated feed-forward and a head of its own.");
        LoadLibrary(p.GetValue(threads));
        var comparison = new Comparison(p.GetValue(model)!, p.GetValue(threads), p.GetValue(rounds));
        var step = new StepBenchOptions { Model = p.GetValue(model)!, Batch = p.GetValue(batch), Source = p.GetValue(source), Target = p.GetValue(target) };
        var decode = new DecodeBenchOptions { Model = p.GetValue(model)!, Batch = p.GetValue(decodeBatch), Source = p.GetValue(source), Tokens = p.GetValue(tokens) };
        Func<Duel>[] duels =
        [.. from type in types.Of(p)
            from duel in (Func<Duel>[])
            [
                .. products.Select(Func<Duel> (shape) => () => comparison.Product(shape.Rows, shape.Inputs, shape.Outputs, type, io.Cancel)),
                () => comparison.Step(step, type, io.Cancel), () => comparison.Step(step with { StepByStep = true }, type, io.Cancel),
                () => comparison.Decode(decode, type, io.Cancel),
            ]
            select duel];
        List<string> table =
        [
            $"{p.GetValue(threads)} threads, {p.GetValue(rounds)} rounds in turns, products more; milliseconds, median (min to max); ratio: libtorch's time by the engine's", "",
            "| work | engine | libtorch | ratio | agreement |", "|---|---:|---:|---:|---|",
        ];
        if (!p.GetValue(json)) table.ForEach(io.Output.WriteLine);
        var results = new List<string>();
        foreach (Func<Duel> run in duels)
        {
            Duel duel = run();
            table.Add(FormattableString.Invariant($"| {duel.Work} | {Cell(duel.Ours)} | {Cell(duel.Theirs)} | {duel.Ratio:F2} | {duel.Agreement} |"));
            results.Add(Json(duel));
            io.Output.WriteLine(p.GetValue(json) ? results[^1] : table[^1]);
        }
        if (p.GetValue(record))
        {
            string path = Path.Combine(ResultPlace.Create(device: null), $"compare-{p.GetValue(model)}-{p.GetValue(types)}".Replace(Path.DirectorySeparatorChar, '-'));
            File.WriteAllLines(path + ".md", table);
            File.WriteAllLines(path + ".json", results);
            io.Error.WriteLine($"Recorded {path}.md and .json");
        }
        return ExitCode.Ok;
    });
    return root;
}

static void LoadLibrary(int threads)
{
    try
    {
        torch.set_num_threads(threads);
    }
    catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or NotSupportedException)
    {
        throw new IOException("libtorch could not be loaded. Its wrapper asks for the C++ library of GCC 13 (GLIBCXX_3.4.32) or newer, which systems such as Debian 12 lack: run it on a newer system.", e);
    }
    if (!LibTorch.FlushDenormals()) throw new IOException("libtorch does not take denormals as zero on this processor, as the engine does: the times would not compare.");
}

static string Cell(Timing t) => FormattableString.Invariant($"{t.Median:F1} ({t.Min:F1} to {t.Max:F1})");

static string Json(Duel duel)
{
    using var stream = new MemoryStream();
    using (var w = new Utf8JsonWriter(stream))
    {
        w.WriteStartObject();
        w.WriteString("work", duel.Work);
        w.WriteNumber("oursMs", duel.Ours.Median);
        w.WriteNumber("torchMs", duel.Theirs.Median);
        w.WriteNumber("ratio", duel.Ratio);
        w.WriteString("agreement", duel.Agreement);
        w.WriteEndObject();
    }
    return System.Text.Encoding.UTF8.GetString(stream.ToArray());
}
