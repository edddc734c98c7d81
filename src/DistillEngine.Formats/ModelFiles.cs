using System.Text.RegularExpressions;

namespace DistillEngine.Formats;

/// <summary>File names of weights in a Hugging Face model folder.</summary>
public static partial class ModelFiles
{
    public const string Safetensors = "model.safetensors";
    public const string SafetensorsIndex = "model.safetensors.index.json";
    public const string PyTorch = "pytorch_model.bin";
    public const string PyTorchIndex = "pytorch_model.bin.index.json";

    /// <summary>Name of shard <paramref name="number"/> (from 1) of <paramref name="total"/>.</summary>
    public static string Shard(int number, int total) => $"model-{number:00000}-of-{total:00000}.safetensors";

    public static bool IsShard(string fileName) => ShardPattern().IsMatch(fileName);

    [GeneratedRegex(@"\Amodel-[0-9]{5}-of-[0-9]{5}\.safetensors\z", RegexOptions.CultureInvariant)]
    private static partial Regex ShardPattern();
}
