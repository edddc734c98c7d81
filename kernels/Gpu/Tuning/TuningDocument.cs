using System.Text.Json.Serialization;

namespace DistillEngine.Kernels;

/// <summary>The tuning file.</summary>
/// <param name="Format">Always <see cref="CurrentFormat"/>.</param>
/// <param name="Devices">By device the name of the kernel that each class of shapes takes.</param>
sealed record TuningDocument(string Format, SortedDictionary<string, SortedDictionary<string, string>> Devices)
{
    public const string CurrentFormat = "distill.tuning/1";

    /// <summary>This and another's choices, which win.</summary>
    public TuningDocument With(TuningDocument? other)
    {
        if (other is null) return this;
        foreach (var (device, choices) in other.Devices)
            foreach (var (key, choice) in choices) With(device, key, choice);
        return this;
    }

    public TuningDocument With(string device, string key, string choice)
    {
        if (!Devices.TryGetValue(device, out SortedDictionary<string, string>? choices)) Devices.Add(device, choices = new(StringComparer.Ordinal));
        choices[key] = choice;
        return this;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(TuningDocument))]
sealed partial class TuningJson : JsonSerializerContext;
