using DistillEngine.Training.Demo;

namespace DistillEngine.Tests.Training.Demo;

/// <summary>Reads a question back from its text alone and answers it from the facts: an account of the wordings that shares no code with them.</summary>
static class QuestionReader
{
    static readonly Dictionary<string, EverydayThing> Things = EverydayThings.All.ToDictionary(thing => thing.Name);
    static readonly Dictionary<string, ThingPlace> Places = Enum.GetValues<ThingPlace>().ToDictionary(place => place.ToString().ToLowerInvariant());

    public enum Kind
    {
        Larger,
        SameMaterial,
        Place,
    }

    public static string[] Words(string text) => text.Split([' ', '.', ',', '?'], StringSplitOptions.RemoveEmptyEntries);

    public static EverydayThing[] ThingsIn(string text) => [.. Words(text).Where(Things.ContainsKey).Select(word => Things[word])];

    public static ThingPlace[] PlacesIn(string text) => [.. Words(text).Where(Places.ContainsKey).Select(word => Places[word])];

    public static Kind KindOf(EverydayQuestion row) =>
        PlacesIn(row.Input).Length > 0 ? Kind.Place : Words(row.Input).Any(word => word is "larger" or "bigger") ? Kind.Larger : Kind.SameMaterial;

    /// <summary>What is asked, whatever the wording and the order of the things.</summary>
    public static string Key(EverydayQuestion row) =>
        $"{KindOf(row)}: {string.Join(' ', ThingsIn(row.Input).Select(thing => thing.Name).Order(StringComparer.Ordinal))} "
        + $"{string.Join(' ', PlacesIn(row.Input))}";

    public static string Answer(EverydayQuestion row)
    {
        var things = ThingsIn(row.Input);
        return KindOf(row) switch
        {
            Kind.Larger => things.MaxBy(thing => thing.Size)!.Name,
            Kind.SameMaterial => things[0].Material == things[1].Material ? "yes" : "no",
            _ => things[0].Place == PlacesIn(row.Input)[0] ? "yes" : "no",
        };
    }

    /// <summary>The attribute words that the rationale must state, in the order of its things.</summary>
    public static string[] Facts(EverydayQuestion row) =>
    [
        .. ThingsIn(row.Input).Select(thing => (KindOf(row) switch
        {
            Kind.Larger => thing.Size.ToString(),
            Kind.SameMaterial => thing.Material.ToString(),
            _ => thing.Place.ToString(),
        }).ToLowerInvariant()),
    ];
}
