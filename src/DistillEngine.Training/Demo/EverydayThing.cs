namespace DistillEngine.Training.Demo;

/// <summary>A thing and the three facts that the demo's questions ask for.</summary>
/// <param name="Name">An English noun: one word, lower case, countable.</param>
/// <param name="Size">How big it is.</param>
/// <param name="Material">What it is made of.</param>
/// <param name="Place">Where one looks for it first.</param>
public sealed record EverydayThing(string Name, ThingSize Size, ThingMaterial Material, ThingPlace Place)
{
    /// <summary>The noun behind its indefinite article: <c>a spoon</c>, <c>an oak</c>.</summary>
    public string WithArticle { get; } = "aeiou".Contains(Name[0], StringComparison.Ordinal) ? $"an {Name}" : $"a {Name}";

    public override string ToString() => Name;
}
