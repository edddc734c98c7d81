using System.Diagnostics;
using System.Text;
using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Replies;
using Xunit;

namespace DistillEngine.Tests.Teacher.Replies;

/// <summary>No text makes the parser throw, or take time out of proportion.</summary>
public class ReplyParserFuzzTests
{
    const int Megabyte = 1 << 20;

    static readonly string[] Pieces =
    [
        "So the answer is", "the answer is", "(a)", "(b) y", "(", ")", "x", "y", "\n\nQ:", "Premise:", "<think>", "</think>", "entailment", "not ",
        "12", "3.5", "1,000", "+", "-", "*", "/", "=", "%", ".", " ", "\n", "{", "}", "\\boxed{", "####", "**", "neutral", "and", "I'm sorry",
        "\u00e9", "\u6f22", "\ud83d\ude00", "\ud800", "\0", "\u200b", "word ", "word ", "very ", "A:", "Answer:", "$", "\"", "'",
        "```json\n", "```", "{\"rationale\":\"", "\",\"answer\":\"", "\"}", "\\ud800",
    ];

    public static TheoryData<string> Tasks => [.. TaskReader.BuiltIn];

    /// <summary>Units that make the worst of each rule, each repeated to ten million characters.</summary>
    public static TheoryData<string> Units =>
    [
        "a", " ", "\n", "word ", "so ", "So the answer is (a) x. ", "the answer is ", "So the answer is (a) or (b) ", "(", ")", "((1+", "1+", "<think>",
        "</think>", "Q", "Q:", "Premise:", "not ", "x y ", "entailment ", "{", "the answer is \n", "\ud800", "a b c d e f g h i j k l m n o p ",
    ];

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Parse_OfRandomTexts_NeverThrows(string name)
    {
        const int Seed = 20_260;
        var random = new Random(Seed);
        var task = TaskReader.Load(name);
        var others = task.Parse with
        {
            Markers = ["####", "\\boxed{", "so the answer is"],
            PreferLetter = false,
            RejectAmbiguous = false,
            TakeLast = false,
        };
        IReplyParser[] parsers =
        [
            new ReplyParser(task),
            new ReplyParser(task with { Parse = others }),
            new ReplyParser(task with { Category = TaskCategory.Text }),
            ReplyParsers.For(task, "published"),
        ];
        var text = new StringBuilder();
        for (int round = 0; round < 4_000; round++)
        {
            text.Clear();
            for (int i = random.Next(40); i > 0; i--) text.Append(Pieces[random.Next(Pieces.Length)]);
            string answer = text.ToString();
            foreach (var parser in parsers)
            {
                var parsed = parser.Parse(answer, random.Next(3) switch { 0 => "stop", 1 => "length", _ => null }, Row());
                Assert.True(parsed.IsOk == (parsed.Reason is null) && parsed.IsOk == (parsed.Rationale is not null), $"seed {Seed}, round {round}: {answer}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Units))]
    public void Parse_OfTenMillionCharacters_TakesWellUnderASecond(string unit)
    {
        var body = new StringBuilder(10 * Megabyte + unit.Length);
        while (body.Length < 10 * Megabyte) body.Append(unit);
        // The same within the bound, where all rules run.
        string whole = body.ToString(), cut = whole[..(ReplyParser.MaxChars - 64)] + " So the answer is (a) x.";
        foreach (string name in TaskReader.BuiltIn)
        {
            var parser = new ReplyParser(TaskReader.Load(name));
            foreach (string text in (string[])[whole, cut])
            {
                long start = Stopwatch.GetTimestamp();
                parser.Parse(text, "length", Row());
                // Quadratic time would be minutes; the bound leaves room for a machine under load.
                Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(5),
                    $"{name}: {text.Length} characters of '{unit}' took {Stopwatch.GetElapsedTime(start)}.");
            }
        }
    }

    static SourceRow Row() => new()
    {
        Key = null,
        Input = "Which?",
        Label = "x",
        Choices = ["x", "y"],
        Values = new Dictionary<string, FieldValue>(),
        Fields = [],
    };
}
