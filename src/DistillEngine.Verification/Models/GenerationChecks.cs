using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>Generated ids with every option of greedy decoding.</summary>
static class GenerationChecks
{
    /// <summary>Options of beam search, which mean nothing without beams.</summary>
    static readonly string[] BeamOptions = ["early_stopping", "length_penalty", "num_return_sequences"];

    public static void Run(string folder, GoldenJson record, ModelFolder files, IBackend backend, CaseReport report)
    {
        if (record.FindValue("generation") is not { } generation || generation.Items.Count == 0) return;
        using var file = GoldenTensors.Open(Path.Combine(folder, "generation.safetensors"));
        PaddedBatch prompts = PaddedBatch.Read(file, "", files.Config.VocabularySize);
        using var model = new T5Model(files.Config, PaddedBatch.LimitsOf(prompts), backend, training: false);
        files.LoadInto(model);
        var batch = new Batch(model.Limits);
        prompts.AddTo(batch, TaskKind.Label, model.Config.DecoderStartId);
        foreach (GoldenJson run in generation.Items)
        {
            string check = $"generation {run.FindValue("name")?.Text}";
            report.Guard(check, () => RunOne(check, run, model, batch, report));
        }
    }

    static void RunOne(string check, GoldenJson run, T5Model model, Batch batch, CaseReport report)
    {
        if (run.FindValue("unstable")?.Boolean == true)
        {
            report.Skip(check, "the reference's float32 and float64 differ here");
            return;
        }
        if (!TryReadOptions(run["options"], out GenerationOptions options, out string? missing))
        {
            report.Skip(check, $"not built yet: {missing}");
            return;
        }
        int[][] expected = [.. run["sequences"].Items.Select(s => s.Integers)];
        if (expected.Length != batch.SequenceCount)
            throw run["sequences"].Error($"has {expected.Length} rows", $"{batch.SequenceCount}, one a prompt");
        int stride = 1 + options.MaxNewTokens;
        int[] sequences = new int[batch.SequenceCount * stride], lengths = new int[batch.SequenceCount];
        using var generator = new GreedyGenerator(model, options.MaxNewTokens);
        generator.Generate(batch, options, sequences, lengths);
        var differences = new Differences();
        for (int s = 0; s < expected.Length; s++)
        {
            // The reference's rows are as wide as its longest sequence; the engine's have room for all tokens.
            int[] padded = new int[stride];
            padded.AsSpan().Fill(model.Config.PadId);
            if (expected[s].Length > stride) throw run["sequences"].Error($"has a row of {expected[s].Length} ids", $"at most {stride}");
            expected[s].CopyTo(padded, 0);
            differences.See($"row {s}", sequences.AsSpan(s * stride, stride), padded);
        }
        report.Add(check, differences);
    }

    static bool TryReadOptions(GoldenJson recorded, out GenerationOptions options, out string? missing)
    {
        options = new GenerationOptions();
        missing = null;
        foreach (var (name, value) in recorded.Members)
        {
            if (value.IsNull) continue;
            switch (name)
            {
                case "num_beams" when value.Integer == 1:
                case "do_sample" when !value.Boolean:
                case var _ when BeamOptions.Contains(name):
                    break;
                case "max_new_tokens":
                    options = options with { MaxNewTokens = value.Integer };
                    break;
                case "min_new_tokens":
                    options = options with { MinNewTokens = value.Integer };
                    break;
                case "repetition_penalty":
                    options = options with { RepetitionPenalty = (float)value.Number };
                    break;
                case "no_repeat_ngram_size":
                    options = options with { NoRepeatNgramSize = value.Integer };
                    break;
                default:
                    missing = name switch { "num_beams" => "beam search", "do_sample" => "sampling", _ => $"the option {name}" };
                    return false;
            }
        }
        return true;
    }
}
