using DistillEngine.Core;
using DistillEngine.Formats;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>Models in every layout they are found in: each must load to the bits of its model case, or to these rounded where it holds 16
/// bits.</summary>
static class CheckpointCase
{
    // A folder that begins so holds a file that would run a program if it were believed.
    const string Refused = "evil";

    public static void Run(string folder, string goldenFolder, IBackend backend, CaseReport report)
    {
        GoldenJson record = GoldenJson.Load(Path.Combine(folder, GoldenFolder.CaseFile));
        (string Key, string Model)[] models = [.. record.Members.Select(m => (m.Name, Path.Combine(goldenFolder, m.Value.Text)))];
        string[] layouts = [.. Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal)];
        CheckLayouts([.. layouts.Select(f => Path.GetFileName(f))], folder, [.. models.Select(m => m.Key)], report);
        foreach (string layout in layouts)
        {
            string name = Path.GetFileName(layout);
            report.Guard(name, () =>
            {
                if (BeginsWith(name, Refused)) CheckRefusal(layout, name, report);
                else CheckLayout(layout, name, ModelOf(name, models, record), backend, report);
            });
        }
    }

    static string ModelOf(string name, (string Key, string Model)[] models, GoldenJson record)
    {
        foreach (var (key, model) in models)
            if (BeginsWith(name, key)) return model;
        throw record.Error($"names no model for the folder {name}", "a key that the folder's name begins with");
    }

    /// <summary>Every model comes in the layouts that any of them has, and one folder is refused.</summary>
    static void CheckLayouts(string[] names, string folder, string[] keys, CaseReport report)
    {
        string[] present = [.. keys.Append(Refused).Where(key => report.Has(key, folder, $"{key}-*", names.Any(n => BeginsWith(n, key))))];
        string[] models = [.. present.Intersect(keys)];
        foreach (string layout in models.SelectMany(key => names.Where(n => BeginsWith(n, key)).Select(n => n[key.Length..])).Distinct())
            foreach (string key in models) report.Has(key + layout, folder, key + layout, names.Contains(key + layout));
    }

    static bool BeginsWith(string name, string group) => name.StartsWith($"{group}-", StringComparison.Ordinal);

    static void CheckRefusal(string layout, string name, CaseReport report)
    {
        var differences = new Differences();
        try
        {
            using ModelFolder model = ModelFolder.Open(layout);
            model.CheckWeights();
            differences.See(name, false, () => "was opened, expected to be refused");
        }
        catch (InvalidDataException e)
        {
            // A file that is cut short is refused, too, whatever it would have asked for.
            differences.See(name, e.Message.Contains(PyTorchBinFile.NotNeeded, StringComparison.Ordinal), () => $"was refused for another reason: {e.Message}");
        }
        report.Add($"{name}: refused", differences);
    }

    static void CheckLayout(string layout, string name, string modelFolder, IBackend backend, CaseReport report)
    {
        using ModelFolder truth = ModelFolder.Open(modelFolder), files = ModelFolder.Open(layout);
        using TensorSource stored = ModelWeights.Open(layout);
        Batch batch = Probe(truth.Config, out BatchLimits limits);
        using var expected = new T5Model(truth.Config, limits, backend, training: false);
        using var got = new T5Model(files.Config, limits, backend, training: false);
        truth.LoadInto(expected);
        files.LoadInto(got);
        var weights = new Differences();
        foreach (var ((spec, value), (gotSpec, gotValue)) in ParameterReading.Values(expected).Zip(ParameterReading.Values(got)))
        {
            Round(value, StoredType(stored, spec.Name));
            backend.Upload<float>(value, expected.Parameters.Value(expected.Parameters.Find(spec.Name)));
            int at = FirstDifference(gotValue, value);
            weights.See(spec.Name, spec == gotSpec && at < 0,
                () => spec == gotSpec ? $"element {at} differs" : $"is {gotSpec.Name} {gotSpec.Shape}");
        }
        weights.See("parameters", got.Parameters.Specs.Count, expected.Parameters.Specs.Count);
        report.Add($"{name}: weights", weights);
        if (weights.Different > 0) return;

        float[] expectedLogits = Logits(expected, batch), gotLogits = Logits(got, batch);
        var logits = new Differences();
        int different = FirstDifference(gotLogits, expectedLogits);
        logits.See("logits", different < 0, () => $"element {different} is {gotLogits[different]}, expected {expectedLogits[different]}");
        report.Add($"{name}: logits", logits);
    }

    /// <summary>A few tokens through the whole model: a configuration that was read otherwise shows in the logits.</summary>
    static Batch Probe(T5Config config, out BatchLimits limits)
    {
        const int Length = 12;   // reaches beyond the first relative buckets
        limits = BatchLimits.Full(1, Length, Length);
        int[] ids = [.. Enumerable.Range(0, Length).Select(i => (2 + 7 * i) % config.VocabularySize)];
        var batch = new Batch(limits);
        batch.Add(ids, ids, TaskKind.Label, 1, 0, config.DecoderStartId);
        return batch;
    }

    static float[] Logits(T5Model model, Batch batch)
    {
        model.Forward(batch, DropoutSettings.Off);
        return model.Logits(model.DecoderOutput);
    }

    /// <summary>The type a parameter has in the files; the embedding may stand there under the encoder's name.</summary>
    static DType StoredType(TensorSource stored, string name) =>
        stored.Contains(name) ? stored.Info(name).DType : stored.Info("encoder.embed_tokens.weight").DType;

    static void Round(Span<float> values, DType type)
    {
        foreach (ref float value in values)
        {
            if (type == DType.F16) value = (float)(Half)value;
            else if (type == DType.BF16) value = RoundToBFloat16(value);
        }
    }

    /// <summary>To the nearest value of 8 significant bits, halves to the even one.</summary>
    static float RoundToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }

    static int FirstDifference(ReadOnlySpan<float> got, ReadOnlySpan<float> expected)
    {
        if (got.Length != expected.Length) return Math.Min(got.Length, expected.Length);
        for (int i = 0; i < got.Length; i++)
            if (BitConverter.SingleToInt32Bits(got[i]) != BitConverter.SingleToInt32Bits(expected[i])) return i;
        return -1;
    }
}
