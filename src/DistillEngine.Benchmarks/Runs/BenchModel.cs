using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Benchmarks;

/// <summary>The model that a benchmark runs: a configuration with random weights, or a folder.</summary>
public static class BenchModel
{
    /// <summary>Seed of weights and tokens.</summary>
    public const int Seed = 1;

    /// <param name="model">One of <see cref="T5Presets.Names"/>, or a model folder.</param>
    /// <exception cref="InvalidDataException">It is neither, or the folder cannot be used.</exception>
    public static T5Config Config(string model)
    {
        if (!Directory.Exists(model))
            return T5Presets.Find(model) ?? throw new InvalidDataException($"{model}: is neither a folder nor one of {string.Join(", ", T5Presets.Names)}.");
        using ModelFolder folder = ModelFolder.Open(model);
        folder.CheckWeights();
        return folder.Config;
    }

    /// <summary>Fills a model built from <see cref="Config"/>.</summary>
    public static void Fill(T5Model target, string model)
    {
        if (Directory.Exists(model))
        {
            using ModelFolder folder = ModelFolder.Open(model);
            folder.LoadInto(target);
        }
        else
        {
            target.Initialize(Seed);
        }
    }

    /// <summary>Tokens of so many sequences.</summary>
    /// <exception cref="ArgumentException">They are more than any machine's step takes.</exception>
    public static int Tokens(int sequences, long length)
    {
        // A thousand times the batches of this method: a larger number is a mistake, not a wish.
        const int Most = 1 << 24;
        return length <= Most && sequences * length <= Most
            ? (int)(sequences * length)
            : throw new ArgumentException($"A batch of {sequences:N0} sequences of {length:N0} tokens has more than {Most:N0}: lower --batch or the lengths.");
    }

    /// <summary>Adds a sequence of random tokens.</summary>
    public static void AddRandom(Batch batch, Random random, T5Config config, int sourceLength, int targetLength, TaskKind task)
    {
        int[] source = new int[sourceLength], target = new int[targetLength];
        foreach (ref int id in source.AsSpan()) id = random.Next(config.VocabularySize);
        foreach (ref int id in target.AsSpan()) id = random.Next(config.VocabularySize);
        batch.Add(source, target, task, weight: 1, sequenceId: batch.SequenceCount, config.DecoderStartId);
    }

    /// <summary>Other devices than the processor say themselves when their memory is used up.</summary>
    /// <exception cref="InsufficientMemoryException">The machine has less memory free than a benchmark needs.</exception>
    public static void RequireMemory(long bytes, IBackend backend)
    {
        if (backend is not CpuBackend) return;
        bytes += BandwidthProbe.ByteLength;
        if (bytes > SystemMemory.AvailableBytes)
            throw new InsufficientMemoryException($"The benchmark needs {bytes >> 20:N0} MiB, {SystemMemory.AvailableBytes >> 20:N0} MiB are free. "
                + "Lower --batch or the lengths, or take a smaller --model.");
    }
}
