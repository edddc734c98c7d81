namespace DistillEngine.Training.Demo;

/// <summary>The sentences that questions and rationales are made of.</summary>
static class EverydayWordings
{
    /// <summary>Question wordings of each kind; rationales have two.</summary>
    public const int Questions = 3;

    public const int Rationales = 2;

    public static EverydayQuestion Larger(EverydayThing first, EverydayThing second, int question, int rationale)
    {
        var (a, b) = (first.WithArticle, second.WithArticle);
        var (sizeA, sizeB) = (Word(first.Size), Word(second.Size));
        var larger = first.Size > second.Size ? first.Name : second.Name;
        return new(
            question switch
            {
                0 => $"which is larger, {a} or {b}?",
                1 => $"what is bigger, {a} or {b}?",
                _ => $"is {a} or {b} the larger one?",
            },
            larger,
            rationale == 0 ? $"{a} is {sizeA}. {b} is {sizeB}. the larger is the {larger}." : $"{a} is {sizeA} and {b} is {sizeB}, so it is the {larger}.",
            QuestionKind.Larger);
    }

    public static EverydayQuestion SameMaterial(EverydayThing first, EverydayThing second, int question, int rationale)
    {
        var (a, b) = (first.WithArticle, second.WithArticle);
        var (stuffA, stuffB) = (Word(first.Material), Word(second.Material));
        var isSame = first.Material == second.Material;
        return new(
            question switch
            {
                0 => $"are {a} and {b} made of the same stuff?",
                1 => $"is {a} made of the same material as {b}?",
                _ => $"do {a} and {b} have the same material?",
            },
            Answer(isSame),
            (rationale == 0 ? $"{a} is made of {stuffA}. {b} is made of {stuffB}." : $"{a} is {stuffA} and {b} is {stuffB}.")
                + (isSame ? " the same, so yes." : " they differ, so no."),
            QuestionKind.SameMaterial);
    }

    public static EverydayQuestion Place(EverydayThing thing, ThingPlace place, int question, int rationale)
    {
        var (a, asked, own) = (thing.WithArticle, Word(place), Word(thing.Place));
        var isThere = thing.Place == place;
        return new(
            question switch
            {
                0 => $"would you look for {a} in the {asked}?",
                1 => $"is the {asked} the place to look for {a}?",
                _ => $"do you go to the {asked} to find {a}?",
            },
            Answer(isThere),
            (rationale == 0 ? $"you look for {a} in the {own}" : $"you find {a} in the {own}") + (isThere ? ", so yes." : $", not in the {asked}, so no."),
            QuestionKind.Place);
    }

    static string Answer(bool isTrue) => isTrue ? "yes" : "no";

    static string Word<T>(T attribute)
        where T : struct, Enum => attribute.ToString().ToLowerInvariant();
}
