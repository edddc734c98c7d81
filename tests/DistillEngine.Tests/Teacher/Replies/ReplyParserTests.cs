using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Replies;
using Xunit;

namespace DistillEngine.Tests.Teacher.Replies;

/// <summary>The rules one by one. Rationales are long enough unless their length is the point.</summary>
public class ReplyParserTests
{
    const string Why = "Fish live in water.";

    static readonly string[] Choices = ["desert", "fish tank", "fish", "car park"];

    [Theory]
    // By letter.
    [InlineData("So the answer is (b) fish tank.", "fish tank")]
    [InlineData("So the answer is (B) Fish Tank.", "fish tank")]
    [InlineData("So the answer is (b) fsh tnk.", "fish tank")]
    [InlineData("So the answer is (b).", "fish tank")]
    [InlineData("so the answer is b.", "fish tank")]
    [InlineData("The answer is: B) fish tank", "fish tank")]
    [InlineData("The answer is option B", "fish tank")]
    [InlineData("Hence the answer is Answer: B", "fish tank")]
    [InlineData("**The answer is (b) fish tank.**", "fish tank")]
    [InlineData("The answer is **(b)**", "fish tank")]
    [InlineData("**Answer:** (b) fish tank", "fish tank")]
    [InlineData("#### B", "fish tank")]
    [InlineData("Therefore, the answer is $\\boxed{B}$.", "fish tank")]
    [InlineData("The answer is\n\n(b) fish tank", "fish tank")]
    [InlineData("So the answer is (b) fish tank, not (b) anything else.", "fish tank")]
    [InlineData("So the answer is not (a) but (b).", "fish tank")]
    [InlineData("So the answer is B, not A.", "fish tank")]
    [InlineData("So the answer is B. a fish tank", "fish tank")]
    // By text.
    [InlineData("So the answer is fish tank.", "fish tank")]
    [InlineData("So the answer is a fish tank.", "fish tank")]
    [InlineData("So the answer is \"Fish Tank\".", "fish tank")]
    [InlineData("So the answer is that it lives in a fish tank.", "fish tank")]
    [InlineData("So the answer is fish.", "fish")]
    [InlineData("So the answer is a car park, not a desert.", "car park")]
    public void Parse_OfAChoice_FindsIt(string answer, string label)
    {
        var parsed = Parse("cqa", $"{Why} {answer}");
        Assert.Equal((ParseCode.Ok, label, Why), (parsed.Code, parsed.Label, parsed.Rationale));
        Assert.Null(parsed.Reason);
    }

    [Theory]
    [InlineData("So the answer is either (a) desert or (b) fish tank.", ParseCode.Ambiguous)]
    [InlineData("So the answer is desert or car park.", ParseCode.Ambiguous)]
    [InlineData("So the answer is B, D.", ParseCode.Ambiguous)]
    [InlineData("So the answer is b) or d).", ParseCode.Ambiguous)]
    [InlineData("So the answer is B. D.", ParseCode.Ambiguous)]
    [InlineData("So the answer is A, B and C.", ParseCode.Ambiguous)]
    [InlineData("So the answer is A. desert, or D.", ParseCode.Ambiguous)]
    [InlineData("So the answer is option A or B.", ParseCode.NotInLabelSet)]
    [InlineData("So the answer is A/B.", ParseCode.NotInLabelSet)]
    [InlineData("So the answer is b.c. an ocean.", ParseCode.NotInLabelSet)]
    [InlineData("So the answer is one of these four.", ParseCode.NotInLabelSet)]
    [InlineData("So the answer is (z) ocean.", ParseCode.NotInLabelSet)]
    [InlineData("So the answer is not (a).", ParseCode.NotInLabelSet)]
    [InlineData("So the answer is not the desert.", ParseCode.NotInLabelSet)]
    [InlineData("So the answer is", ParseCode.NoMarker)]
    [InlineData("It must be (b) fish tank.", ParseCode.NoMarker)]
    public void Parse_OfNoSingleChoice_SaysWhy(string answer, ParseCode code)
    {
        var parsed = Parse("cqa", $"{Why} {answer}");
        Assert.Equal((code, null, null), (parsed.Code, parsed.Label, parsed.Rationale));
        Assert.False(string.IsNullOrWhiteSpace(parsed.Reason));
    }

    /// <summary>A fifth choice has the letter that an example begins with.</summary>
    [Fact]
    public void Parse_OfAnAbbreviation_IsNoLetter()
    {
        string[] choices = [.. Choices, "ocean"];
        Assert.Equal("fish tank", Parse("cqa", $"{Why} So the answer is e.g. a fish tank.", choices: choices).Label);
        Assert.Equal(ParseCode.NotInLabelSet, Parse("cqa", $"{Why} So the answer is e.g. the sea.", choices: choices).Code);
        Assert.Equal("ocean", Parse("cqa", $"{Why} So the answer is E.", choices: choices).Label);
    }

    [Fact]
    public void Parse_OfALetterWhoseChoiceNamesLetters_FindsIt() =>
        Assert.Equal("B and C", Parse("cqa", $"{Why} So the answer is A. B and C.", choices: ["B and C", "vitamin C", "C"]).Label);

    [Theory]
    [InlineData("So the answer is either (d) car park or (b) fish tank.", "car park")]
    [InlineData("So the answer is a car park or a desert.", "car park")]
    public void Parse_OfSeveralChoices_TakesTheFirstWhereTheTaskSaysSo(string answer, string label)
    {
        var parsed = Parse("cqa", $"{Why} {answer}", options => options with { RejectAmbiguous = false });
        Assert.Equal((ParseCode.Ok, label), (parsed.Code, parsed.Label));
        Assert.Contains("first_of_several", parsed.Flags);
    }

    [Fact]
    public void Parse_WhereLetterAndTextDisagree_FollowsThePreferredOneAndFlagsIt()
    {
        var byLetter = Parse("cqa", $"{Why} So the answer is (b) car park.");
        Assert.Equal("fish tank", byLetter.Label);
        Assert.Equal(["letter_text_mismatch"], byLetter.Flags);
        Assert.Equal("car park", Parse("cqa", $"{Why} So the answer is (b) car park.", options => options with { PreferLetter = false }).Label);
    }

    [Theory]
    [InlineData("So the answer is entailment.", "entailment")]
    [InlineData("So the answer is Entailment", "entailment")]
    [InlineData("so the answer is **contradiction**.", "contradiction")]
    [InlineData("So the answer is neutral, since nothing is said about it.", "neutral")]
    [InlineData("So the answer is not entailment but neutral.", "neutral")]
    public void Parse_OfAClass_FindsIt(string answer, string label)
    {
        var parsed = Parse("anli1", $"{Why} {answer}");
        Assert.Equal((ParseCode.Ok, label, Why), (parsed.Code, parsed.Label, parsed.Rationale));
    }

    [Theory]
    [InlineData("So the answer is analogy.", ParseCode.NotInLabelSet)]
    [InlineData("So the answer is not entailment.", ParseCode.NotInLabelSet)]
    [InlineData("So the answer is neutral or contradiction.", ParseCode.Ambiguous)]
    [InlineData("So the answer is neutrality.", ParseCode.NotInLabelSet)]
    public void Parse_OfNoSingleClass_SaysWhy(string answer, ParseCode code) => Assert.Equal(code, Parse("anli1", $"{Why} {answer}").Code);

    [Theory]
    [InlineData("yes", "entailment")]
    [InlineData("It is not possible to tell.", "neutral")]
    [InlineData("no, since the car is red", "contradiction")]
    public void Parse_OfASynonym_GivesItsLabel(string answer, string label)
    {
        var task = TaskReader.Load("anli1");
        var synonyms = new Dictionary<string, string>
        {
            ["yes"] = "entailment",
            ["no"] = "contradiction",
            ["it is not possible to tell"] = "neutral",
        };
        task = task with { Labels = task.Labels with { Synonyms = synonyms } };
        Assert.Equal(label, new ReplyParser(task).Parse($"{Why} So the answer is {answer}", "stop", Row()).Label);
    }

    [Fact]
    public void Parse_OfALetterForAClass_CountsThroughTheSetWhereTheTaskPrefersLetters()
    {
        Assert.Equal("neutral", Parse("anli1", $"{Why} So the answer is (b).", options => options with { PreferLetter = true }).Label);
        Assert.Equal(ParseCode.NotInLabelSet, Parse("anli1", $"{Why} So the answer is (b).").Code);
    }

    [Theory]
    [InlineData("(7 * 30)", "( 7.0 * 30.0 )")]
    [InlineData("((17 + 15) + 2).", "( ( 17.0 + 15.0 ) + 2.0 )")]
    [InlineData("(17 + 15 + 2).", "( ( 17.0 + 15.0 ) + 2.0 )")]
    [InlineData("2 + 3 * 4", "( 2.0 + ( 3.0 * 4.0 ) )")]
    [InlineData("10 - 4 - 3", "( ( 10.0 - 4.0 ) - 3.0 )")]
    [InlineData("(102 - 22) / 8.", "( ( 102.0 - 22.0 ) / 8.0 )")]
    [InlineData("( 84.0 / 2.0 )", "( 84.0 / 2.0 )")]
    [InlineData("84 ÷ 2", "( 84.0 / 2.0 )")]
    [InlineData("7 × 30", "( 7.0 * 30.0 )")]
    [InlineData("7 x 30", "( 7.0 * 30.0 )")]
    [InlineData("3x(4 + 1)", "( 3.0 * ( 4.0 + 1.0 ) )")]
    [InlineData("$1,250 + $50", "( 1250.0 + 50.0 )")]
    [InlineData("\\(7 \\times 30\\)", "( 7.0 * 30.0 )")]
    [InlineData("**(7 * 30)**", "( 7.0 * 30.0 )")]
    [InlineData("(7 * 30) = 210", "( 7.0 * 30.0 )")]
    [InlineData("210 = 7 * 30", "( 7.0 * 30.0 )")]
    [InlineData("total = 7 * 30", "( 7.0 * 30.0 )")]
    [InlineData("7 * 30 = 210 crayons.", "( 7.0 * 30.0 )")]
    [InlineData("42 apples.", "42.0")]
    [InlineData("0.5 * 8", "( 0.5 * 8.0 )")]
    [InlineData("-5 + 8", "( -5.0 + 8.0 )")]
    [InlineData("-(5 - 8)", "( 0.0 - ( 5.0 - 8.0 ) )")]
    public void Parse_OfAnEquation_GivesTheStudentsForm(string answer, string label)
    {
        var parsed = Parse("svamp", $"Each of them counts. The answer is {answer}");
        Assert.True(parsed.IsOk, parsed.Reason);
        Assert.Equal((label, "Each of them counts."), (parsed.Label, parsed.Rationale));
    }

    [Theory]
    [InlineData("(2 * x).")]
    [InlineData("(some - 8).")]
    [InlineData("((415 - 309)")]
    [InlineData("((28 - 13) and (28 - 15)).")]
    [InlineData("(8 / 4) and (6 / 4).")]
    [InlineData("(7x = 14).")]
    [InlineData("(14, 21).")]
    [InlineData("((8 action figures + 10 cabinets) * 4 shelves).")]
    [InlineData("(5 / 0).")]
    [InlineData("5 dozen.")]
    [InlineData("50 %.")]
    [InlineData("2 ** 3")]
    [InlineData("2**3")]
    [InlineData("__import__('os')")]
    [InlineData("7 * 30 = 200")]
    [InlineData("forty-two.")]
    public void Parse_OfNoEquation_SaysWhy(string answer)
    {
        var parsed = Parse("svamp", $"Each of them counts. The answer is {answer}");
        Assert.Equal(ParseCode.NotEvaluable, parsed.Code);
        Assert.Contains("has no value", parsed.Reason);
    }

    [Theory]
    [InlineData("So she has 7 * 30 = 210 crayons. The answer is (7 * 30).", false)]
    [InlineData("So she has 7 * 30 = 201 crayons. The answer is (7 * 30).", true)]
    [InlineData("That is 10 / 3 = 3.33 each. The answer is (10 / 3).", false)]
    [InlineData("That is 2 * 600 = 1,200 each. The answer is (2 * 600).", false)]
    public void Parse_WhereTheRationaleStatesAnotherValue_FlagsIt(string text, bool isFlagged) =>
        Assert.Equal(isFlagged, Parse("svamp", text).Flags.Contains("value_mismatch"));

    [Theory]
    [InlineData("Long enough to count. So the answer is fish.\n\nQ: What else? So the answer is (a) desert.")]
    [InlineData("<think>Q: maybe (a)? So the answer is (a) desert.</think>\nLong enough to count. So the answer is (c).")]
    [InlineData("maybe (a)? So the answer is (a).</think>Long enough to count. So the answer is (c).")]
    [InlineData("<thinking>hm</thinking>\n\nA: Long enough to count. So the answer is (c).")]
    [InlineData("A: Long enough to count. Therefore, the answer is (c).")]
    [InlineData("Rationale: Long enough to count. Hence, the answer is (c) fish.")]
    [InlineData("**Explanation:** Long enough to count.\n\nSo the answer is (c) fish.")]
    [InlineData("Long enough to count. And so, the answer is (c) fish.")]
    [InlineData("Long enough to count. So the answer is (c) fish. So the answer is (c) fish.")]
    public void Parse_OfWhatSurroundsAnAnswer_LeavesTheRationaleAlone(string text)
    {
        var parsed = Parse("cqa", text);
        Assert.Equal((ParseCode.Ok, "fish", "Long enough to count."), (parsed.Code, parsed.Label, parsed.Rationale));
    }

    [Theory]
    [InlineData("cqa", """{"rationale": "Long enough\nto count.", "answer": "(c) fish"}""", "fish")]
    [InlineData("cqa", "```json\n{\n  \"Answer\": \"fish\",\n  \"Explanation\": \"Long enough\\nto count.\"\n}\n```", "fish")]
    [InlineData("cqa", """{"reasoning": "Long enough\nto count. So the answer is (c) fish.", "label": "c", "confidence": 0.9}""", "fish")]
    [InlineData("svamp", """{"rationale": "Long enough\nto count.", "answer": 42}""", "42.0")]
    public void Parse_OfAJsonObject_TakesItsTwoTexts(string task, string text, string label)
    {
        var parsed = Parse(task, text);
        Assert.True(parsed.IsOk, parsed.Reason);
        Assert.Equal((label, "Long enough\nto count."), (parsed.Label, parsed.Rationale));
    }

    [Theory]
    [InlineData("""{"rationale": "Long enough to count. So the answer is (c) fish."}""", "stop", ParseCode.NoMarker)]
    [InlineData("""{"rationale": "Long enough to count.", "answer": "fish", "label": "desert"}""", "stop", ParseCode.NoMarker)]
    [InlineData("""{"rationale": "Long enough to count.", "answer": ["fish"]}""", "stop", ParseCode.NoMarker)]
    [InlineData("""{"rationale": "Long enough to count.", "answer": "\ud800"}""", "stop", ParseCode.NoMarker)]
    [InlineData("""{"rationale": "Long enough to count. So the answer is (c)", "ans""", "stop", ParseCode.NoMarker)]
    [InlineData("""{"rationale": "Long enough to count. So the answer is (c)", "ans""", "length", ParseCode.Truncated)]
    [InlineData("""{"rationale": "Long enough to count.", "answer": "ocean"}""", "stop", ParseCode.NotInLabelSet)]
    [InlineData("""{"rationale": "", "answer": "fish"}""", "stop", ParseCode.EmptyRationale)]
    public void Parse_OfAJsonObjectThatLacksATextOrLabel_HasTheCode(string text, string finish, ParseCode code)
    {
        var parsed = new ReplyParser(TaskReader.Load("cqa")).Parse(text, finish, Row());
        Assert.Equal((code, null), (parsed.Code, parsed.Rationale));
        Assert.False(string.IsNullOrWhiteSpace(parsed.Reason));
    }

    [Fact]
    public void Parse_WhereTheTeacherCorrectsItself_KeepsTheWayThere()
    {
        var parsed = Parse("cqa", "So the answer is (a) desert. But fish need water, and deserts have none. So the answer is (b).");
        Assert.Equal("fish tank", parsed.Label);
        Assert.StartsWith("So the answer is (a) desert. But", parsed.Rationale);
        Assert.Equal("desert", Parse("cqa", $"{Why} So the answer is (a) desert. No: the answer is (b).", options => options with { TakeLast = false }).Label);
    }

    [Fact]
    public void Parse_OfThinkingThatIsKept_ReadsIt() =>
        Assert.Equal("<think>It swims and has fins.",
            Parse("cqa", "<think>It swims and has fins. So the answer is (c).</think>", options => options with { StripThinking = false }).Rationale);

    [Theory]
    [InlineData("", "stop", ParseCode.NoMarker)]
    [InlineData("   \n", "stop", ParseCode.NoMarker)]
    [InlineData("", "length", ParseCode.Truncated)]
    [InlineData("Q: again?", "stop", ParseCode.NoMarker)]
    [InlineData("<think>and so on and on", "length", ParseCode.Truncated)]
    [InlineData("Fish live in water, and so", "length", ParseCode.Truncated)]
    [InlineData("Fish live in water. So the answer is", "length", ParseCode.Truncated)]
    [InlineData("Fish live in water. So the answer is fish", "length", ParseCode.Truncated)]
    [InlineData("Fish live in water. So the answer is fish", "max_tokens", ParseCode.Truncated)]
    [InlineData("Fish live in water. So the answer is fish", "stop", ParseCode.Ok)]
    [InlineData("Fish live in water. So the answer is fish.", "length", ParseCode.Ok)]
    [InlineData("Fish live in water. So the answer is (c) fi", "length", ParseCode.Ok)]
    [InlineData("Fish live in water. So the answer is fish\n\nQ: And", "length", ParseCode.Ok)]
    [InlineData("Fish live in water. So the answer is fish", "a word nobody knows", ParseCode.Ok)]
    [InlineData("So the answer is (c) fish.", "stop", ParseCode.EmptyRationale)]
    [InlineData("Fish! So the answer is (c) fish.", "stop", ParseCode.EmptyRationale)]
    [InlineData("Where do fish live? So the answer is (c) fish.", "stop", ParseCode.EmptyRationale)]
    [InlineData("I'm sorry, but I can't help with that.", "stop", ParseCode.Refusal)]
    [InlineData("I’m sorry, but no.", "stop", ParseCode.Refusal)]
    [InlineData("As an AI language model, I have no opinion.", "stop", ParseCode.Refusal)]
    [InlineData("Fish live in water. So the answer is (c).", "content_filter", ParseCode.Refusal)]
    [InlineData("I am sorry for the fish. Fish live in water. So the answer is (c).", "stop", ParseCode.Ok)]
    [InlineData("so so so so so so so the answer is (c) fish.", "stop", ParseCode.Loop)]
    [InlineData("It is wet. It is wet. It is wet. It is wet. It is wet. It is wet. So the answer is (c).", "stop", ParseCode.Loop)]
    [InlineData("It is wet. It is wet. It is wet. It is wet. It is wet. It is wet. It is", "length", ParseCode.Loop)]
    public void Parse_OfAnAnswerThatEndsLikeThis_HasTheCode(string text, string finish, ParseCode code)
    {
        var parsed = new ReplyParser(TaskReader.Load("cqa")).Parse(text, finish, Row());
        Assert.Equal(code, parsed.Code);
        Assert.Equal(code == ParseCode.Ok, parsed.Reason is null);
    }

    [Fact]
    public void Parse_OfALongSum_IsNoLoop() =>
        Assert.True(Parse("svamp", "That makes 2 + 2 + 2 + 2 + 2 + 2 + 2 + 2 = 16 in all. The answer is (2 * 8).").IsOk);

    [Fact]
    public void Parse_OfARationaleLongerThanTheStudentTakes_FlagsIt()
    {
        string words = string.Join(' ', Enumerable.Range(0, 300).Select(i => $"word{i}"));
        Assert.Contains("long_rationale", Parse("cqa", $"{words}. So the answer is (c).").Flags);
    }

    [Theory]
    [InlineData("Reasons come first. #### 42", "42.0")]
    [InlineData("Reasons come first. The final answer is $\\boxed{(7 * 6)}$.", "( 7.0 * 6.0 )")]
    [InlineData("Reasons come first. \\boxed{7 * {6}", null)]
    public void Parse_ByOtherMarkers_FindsTheLabel(string text, string? label) =>
        Assert.Equal(label, Parse("svamp", text, options => options with { Markers = ["####", "the final answer is $\\boxed{", "\\boxed{"] }).Label);

    [Fact]
    public void Parse_OfFreeText_TakesAllThatFollows()
    {
        var task = TaskReader.Load("svamp") with { Category = TaskCategory.Text, Parse = new() { Markers = ["subject:"] } };
        var parsed = new ReplyParser(task).Parse("It is about a meeting.\nSubject:  Meeting moved\nto Monday\n", "stop", Row());
        Assert.Equal(("Meeting moved\nto Monday", "It is about a meeting."), (parsed.Label, parsed.Rationale));
    }

    [Fact]
    public void For_AnUnknownParser_NamesThoseThereAre()
    {
        var task = TaskReader.Load("cqa");
        Assert.Contains("task or published", Assert.Throws<ArgumentException>(() => ReplyParsers.For(task, "best")).Message);
        Assert.Throws<ArgumentException>(() => ReplyParsers.For(task with { Name = "mine" }, "published"));
    }

    static ParsedReply Parse(string task, string text, Func<ParseOptions, ParseOptions>? change = null, string[]? choices = null)
    {
        var definition = TaskReader.Load(task);
        if (change is not null) definition = definition with { Parse = change(definition.Parse) };
        return new ReplyParser(definition).Parse(text, "stop", Row() with { Choices = choices ?? Choices });
    }

    static SourceRow Row() => new()
    {
        Key = null,
        Input = "Where do fish live?",
        Label = null,
        Choices = Choices,
        Values = new Dictionary<string, FieldValue>(),
        Fields = [],
    };
}
