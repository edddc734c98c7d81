namespace DistillEngine.Bench;

/// <summary>A linear map of T5 small or base.</summary>
public sealed record LinearShape(string Name, int Inputs, int Outputs)
{
    /// <summary>Attention and feed-forward maps of v1.1, and the wide feed-forwards of v1.0.</summary>
    public static IReadOnlyList<LinearShape> All { get; } =
    [
        new("small q", 512, 384), new("small wi", 512, 1024), new("small wo", 1024, 512), new("small v1.0 wi", 512, 2048),
        new("base q", 768, 768), new("base wi", 768, 2048), new("base wo", 2048, 768), new("base v1.0 wi", 768, 3072), new("base v1.0 wo", 3072, 768),
    ];

    public override string ToString() => $"{Name} {Inputs}→{Outputs}";
}
