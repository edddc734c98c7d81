using System.Globalization;
using DistillEngine.Core;
using DistillEngine.Formats;
using DistillEngine.Kernels;
using DistillEngine.Model;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace DistillEngine.Training;

/// <summary>A model in a folder of Hugging Face's layout: configuration, weights, and beside them the tokenizer's files.</summary>
public sealed class ModelFolder : IDisposable
{
    const string Shared = "shared.weight";
    const string Head = "lm_head.weight";

    // Elements compared at a time.
    const int Chunk = 1 << 20;

    static readonly string[] SharedAliases = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"];

    readonly TensorSource _weights;

    ModelFolder(string path, HuggingFaceConfig file, TensorSource weights)
    {
        (Path, File, _weights) = (path, file, weights);
        Config = T5ConfigFile.Read(file, HeadDiffers());
    }

    public string Path { get; }

    /// <summary>config.json as it was read, unknown keys included.</summary>
    public HuggingFaceConfig File { get; }

    public T5Config Config { get; }

    /// <summary>Opens a folder and reads its configuration; weights are read by <see cref="LoadInto"/>.</summary>
    /// <exception cref="FileNotFoundException">There is no configuration.</exception>
    /// <exception cref="InvalidDataException">A file is missing or malformed; the message says which, where and what to do.</exception>
    public static ModelFolder Open(string path)
    {
        string config = System.IO.Path.Combine(path, HuggingFaceConfig.ModelFileName);
        if (!System.IO.File.Exists(config))
            throw new FileNotFoundException($"{config}: no such file. Give a model folder: config.json, weights and the tokenizer's files.", config);
        var file = HuggingFaceConfig.Load(config);
        TensorSource weights = ModelWeights.Open(path);
        try
        {
            return new ModelFolder(path, file, weights);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Reads every parameter of a model that was built from <see cref="Config"/>, into the form in which the model holds it.</summary>
    /// <exception cref="InvalidDataException">A tensor is missing, has another shape, is not floating-point, or belongs to no T5.</exception>
    public void LoadInto(T5Model model) => Load(model.Parameters);

    /// <summary>Checks names, types and shapes of all weights against the configuration, without reading them.</summary>
    /// <inheritdoc cref="LoadInto"/>
    public void CheckWeights()
    {
        IReadOnlyList<ParameterSpec> specs = T5Model.Declare(Config);
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (ParameterSpec spec in specs) used.Add(Find(spec));
        foreach (string name in _weights.Names)
            if (!used.Contains(name) && !IsRedundant(name))
                throw new InvalidDataException($"{_weights.Path}: tensor '{name}' belongs to no T5 of this configuration. "
                    + $"Check that weights and {File.Path} belong together.");
    }

    /// <summary>Writes a whole model folder: <c>config.json</c>, <c>generation_config.json</c>, weights and the tokenizer's files.</summary>
    /// <param name="folder">Created if missing; write into an <see cref="AtomicFolder"/> where a half-written folder must never be seen.</param>
    /// <param name="template">A configuration whose unknown keys are kept, or null.</param>
    /// <param name="tokenizer">Files copied along, or null.</param>
    public static void Save(string folder, T5Config config, ParameterStore parameters, IBackend backend, HuggingFaceConfig? template,
        TokenizerFiles? tokenizer)
    {
        Directory.CreateDirectory(folder);
        string path = System.IO.Path.Combine(folder, HuggingFaceConfig.ModelFileName);
        HuggingFaceConfig file = template is null ? new(path) : HuggingFaceConfig.Parse(template.ToUtf8(), path);
        T5ConfigFile.Write(config, file);
        file.Save(path);
        var generation = new HuggingFaceConfig(System.IO.Path.Combine(folder, HuggingFaceConfig.GenerationFileName));
        T5ConfigFile.WriteGeneration(config, generation);
        generation.Save(generation.Path);
        ModelWeights.Save(folder, ToSave(parameters.Specs, parameters.Value, backend));
        tokenizer?.CopyTo(folder);
    }

    /// <summary>Float32 tensors of a device as a writer takes them.</summary>
    public static List<TensorToSave> ToSave(IReadOnlyList<ParameterSpec> specs, Func<ParameterId, Tensor> tensorOf, IBackend backend)
    {
        var tensors = new List<TensorToSave>(specs.Count);
        for (int i = 0; i < specs.Count; i++)
            tensors.Add(ToSave(specs[i].Name, specs[i].IsVector, tensorOf(new ParameterId(i)), backend));
        return tensors;
    }

    /// <inheritdoc cref="ToSave(IReadOnlyList{ParameterSpec}, Func{ParameterId, Tensor}, IBackend)"/>
    public static TensorToSave ToSave(string name, bool isVector, Tensor tensor, IBackend backend)
    {
        long[] shape = isVector ? [tensor.Shape.Count] : [tensor.Shape.D0, tensor.Shape.D1];
        return TensorToSave.FromFloats(name, shape, (start, destination) =>
            backend.Download(tensor with { ElementOffset = tensor.ElementOffset + start, Shape = new(destination.Length) }, destination));
    }

    public void Dispose() => _weights.Dispose();

    void Load(ParameterStore parameters)
    {
        CheckWeights();
        for (int i = 0; i < parameters.Specs.Count; i++)
        {
            string name = Find(parameters.Specs[i]);
            parameters.Write(new ParameterId(i), (start, destination) =>
            {
                _weights.Read(name, start, destination);
                RequireFinite(name, start, destination);
            });
        }
    }

    /// <summary>One number that is none makes every answer empty.</summary>
    void RequireFinite(string name, long start, ReadOnlySpan<float> values)
    {
        if (TensorPrimitives.IsFiniteAll<float>(values)) return;
        int at = 0;
        while (float.IsFinite(values[at])) at++;
        throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
            $"{_weights.Path}: tensor '{name}', element {start + at} is {values[at]}, expected a finite number. "
            + $"The training that wrote it diverged, or the file is damaged."));
    }

    /// <summary>Name under which the file holds a parameter; the embedding may stand under any of its three.</summary>
    string Find(ParameterSpec spec)
    {
        string name = spec.Name;
        if (name == Shared && !_weights.Contains(name)) name = SharedAliases.FirstOrDefault(_weights.Contains) ?? name;
        TensorInfo info = _weights.Info(name);
        ReadOnlySpan<long> expected = spec.IsVector ? [spec.Shape.D0] : [spec.Shape.D0, spec.Shape.D1];
        if (!expected.SequenceEqual(info.Shape))
            throw new InvalidDataException($"{_weights.Path}: tensor '{name}' has shape {TensorInfo.Describe(info.Shape)}, "
                + $"expected {TensorInfo.Describe(expected)} by {File.Path}. Check that weights and configuration belong together.");
        if (!info.IsFloatingPoint)
            throw new InvalidDataException($"{_weights.Path}: tensor '{name}' holds {info.DType} elements, expected floating-point numbers. "
                + "Check that the file holds a model's weights.");
        return name;
    }

    /// <summary>Tensors that old and new checkpoints carry without effect: copies of the embedding, a tied head, and a cross-attention bias
    /// that the reference removed.</summary>
    bool IsRedundant(string name) =>
        SharedAliases.Contains(name) || (name == Head && Config.TiedHead) || name == Shared
        || name == "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";

    /// <summary>Whether the weights hold a head unlike the embedding; null where they hold none: then the configuration decides, and
    /// <see cref="Find"/> reports a head that it unties and that is missing.</summary>
    bool? HeadDiffers()
    {
        if (!_weights.TryGetInfo(Head, out TensorInfo? head)) return null;
        string shared = _weights.Contains(Shared) ? Shared : SharedAliases.FirstOrDefault(_weights.Contains) ?? Shared;
        TensorInfo embedding = _weights.Info(shared);
        if (!head.Shape.AsSpan().SequenceEqual(embedding.Shape) || !head.IsFloatingPoint || !embedding.IsFloatingPoint) return true;
        float[] a = new float[Chunk], b = new float[Chunk];
        for (long start = 0; start < head.Count; start += Chunk)
        {
            int count = (int)Math.Min(Chunk, head.Count - start);
            _weights.Read(Head, start, a.AsSpan(0, count));
            _weights.Read(shared, start, b.AsSpan(0, count));
            if (!a.AsSpan(0, count).SequenceEqual(b.AsSpan(0, count))) return true;
        }
        return false;
    }
}
