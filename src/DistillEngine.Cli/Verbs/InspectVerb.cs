using System.CommandLine;
using DistillEngine.Core;
using DistillEngine.Data.Tokenization;
using DistillEngine.Formats;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill inspect</c>: checks a model folder or one of its files, then shows it.</summary>
static class InspectVerb
{
    public static Command Build(Io io)
    {
        var path = new Argument<string>("PATH") { Description = "A model folder, a .safetensors or .bin file, config.json, spiece.model or tokenizer.json" };
        Option<bool> json = CommonOptions.Json("path, kind, and what the kind has: parameters, configuration, tensors, vocabulary");
        var command = new Command("inspect", "Check a model folder or file, then show what it holds") { path, json };
        command.SetAction(p =>
        {
            var facts = Inspect(p.GetValue(path)!);
            if (p.GetValue(json))
                io.WriteJson(w =>
                {
                    foreach (var (name, value) in facts)
                        if (value is long number) w.WriteNumber(name, number);
                        else w.WriteString(name, value.ToString());
                });
            else
                foreach (var (name, value) in facts)
                    io.Output.WriteLine($"{name,-24} {(value is long number ? number.ToString("N0") : value)}");
            return ExitCode.Ok;
        });
        return command;
    }

    static List<(string Name, object Value)> Inspect(string path)
    {
        if (Directory.Exists(path)) return InspectFolder(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file or folder.");
        return Path.GetExtension(path) switch
        {
            ".safetensors" => InspectTensors(SafetensorsFile.Open(path), "safetensors file"),
            ".jsonl" or ".gz" => throw new InvalidDataException($"{path}: is no file of a model; 'distill data validate' checks rationale files."),
            ".bin" => InspectTensors(PyTorchBinFile.Open(path), "PyTorch file"),
            _ when Path.GetFileName(path) == HuggingFaceConfig.ModelFileName =>
                [("path", path), ("kind", "configuration"), .. Describe(T5ConfigFile.Read(HuggingFaceConfig.Load(path), null))],
            _ => [("path", path), ("kind", "tokenizer"), .. Describe(SentencePieceTokenizer.Load(path))],
        };
    }

    static List<(string, object)> InspectFolder(string path)
    {
        using ModelFolder folder = ModelFolder.Open(path);
        folder.CheckWeights();
        var facts = new List<(string, object)> { ("path", path), ("kind", "model folder") };
        facts.AddRange(Describe(folder.Config));
        if (new TokenizerFiles(path).HasVocabulary)
        {
            SentencePieceTokenizer tokenizer = SentencePieceTokenizer.Load(path);
            TokenizerFiles.RequireFit(tokenizer, path, folder.Config, path);
            facts.AddRange(Describe(tokenizer));
        }
        else
        {
            facts.Add(("tokenizer", "none in this folder"));
        }
        if (StudentFile.TryRead(path) is { } student)
        {
            facts.Add(("task", student.LoadTask(path).Name));
            facts.Add(("method", student.Method));
            facts.Add(("trainedSteps", student.Step));
        }
        return facts;
    }

    static List<(string, object)> InspectTensors(TensorSource source, string kind)
    {
        using (source)
        {
            var facts = new List<(string, object)> { ("path", source.Path), ("kind", kind), ("tensors", (long)source.Names.Count) };
            long elements = 0;
            foreach (string name in source.Names)
            {
                TensorInfo info = source.Info(name);
                elements += info.Count;
                facts.Add((name, $"{info.DType} {TensorInfo.Describe(info.Shape)}"));
            }
            facts.Add(("elements", elements));
            return facts;
        }
    }

    static IEnumerable<(string, object)> Describe(T5Config c) =>
    [
        ("modelType", c.ModelType),
        ("parameters", T5Model.Declare(c).Sum(s => s.Shape.Count)),
        .. WeightForms.Choices.Select(form =>
            ($"bytesAs{char.ToUpperInvariant(form.Name()[0])}{form.Name()[1..]}", (object)ParameterStore.ByteLengthOf(T5Model.Declare(c), form))),
        ("vocabularySize", (long)c.VocabularySize),
        ("dModel", (long)c.DModel),
        ("dKv", (long)c.DKv),
        ("heads", (long)c.Heads),
        ("dFeedForward", (long)c.DFeedForward),
        ("encoderLayers", (long)c.EncoderLayers),
        ("decoderLayers", (long)c.DecoderLayers),
        ("feedForward", c.FeedForward == FeedForwardKind.Relu ? "relu" : "gated-gelu"),
        ("head", c.TiedHead ? "tied" : "untied"),
        ("scaleDecoderOutputs", c.ScaleDecoderOutputs ? "yes" : "no"),
        ("relativeBuckets", (long)c.RelativeBuckets),
        ("relativeMaxDistance", (long)c.RelativeMaxDistance),
    ];

    static IEnumerable<(string, object)> Describe(SentencePieceTokenizer t) =>
    [
        ("tokenizerIds", (long)t.VocabularySize), ("tokenizerPieces", (long)t.PieceCount), ("padId", (long)t.PadId), ("eosId", (long)t.EosId),
        ("unknownId", (long)t.UnknownId),
    ];
}
