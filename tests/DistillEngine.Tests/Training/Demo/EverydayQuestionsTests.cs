using System.Security.Cryptography;
using System.Text;
using DistillEngine.Training.Demo;
using Xunit;

namespace DistillEngine.Tests.Training.Demo;

public class EverydayQuestionsTests
{
    static readonly string[] AttributeWords =
    [
        .. Enum.GetNames<ThingSize>().Concat(Enum.GetNames<ThingMaterial>()).Concat(Enum.GetNames<ThingPlace>()).Select(name => name.ToLowerInvariant()),
    ];

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(0, 7)]
    [InlineData(1000, 500)]
    [InlineData(2000, 500)]
    [InlineData(3999, 1)]
    [InlineData(0, 4000)]
    public void Make_WhenAskedForCounts_ReturnsThemWithoutDuplicates(int trainRows, int testRows)
    {
        var (train, test) = EverydayQuestions.Make(trainRows, testRows, 3);

        Assert.Equal(trainRows, train.Count);
        Assert.Equal(testRows, test.Count);
        Assert.Equal(trainRows + testRows, train.Concat(test).Select(row => row.Input).Distinct().Count());
    }

    [Theory]
    [InlineData(-1, 10)]
    [InlineData(10, -1)]
    [InlineData(3501, 500)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void Make_WhenTheCountsCannotBeMet_Refuses(int trainRows, int testRows) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => EverydayQuestions.Make(trainRows, testRows, 1));

    [Theory]
    [InlineData(2000, 500, 1)]
    [InlineData(1000, 500, 2)]
    [InlineData(3500, 500, 3)]
    public void Make_WhenTestQuestionsAreLookedUpInTraining_FindsNone(int trainRows, int testRows, ulong seed)
    {
        var (train, test) = EverydayQuestions.Make(trainRows, testRows, seed);

        var trainKeys = train.Select(QuestionReader.Key).ToHashSet();
        Assert.DoesNotContain(test, row => trainKeys.Contains(QuestionReader.Key(row)));
        Assert.Equal(testRows, test.Select(QuestionReader.Key).Distinct().Count());
    }

    [Theory]
    [InlineData(2000, 500, 1)]
    [InlineData(3500, 500, 2)]
    public void Make_WhenReadBack_LabelAndRationaleAgreeWithTheFacts(int trainRows, int testRows, ulong seed)
    {
        var (train, test) = EverydayQuestions.Make(trainRows, testRows, seed);

        foreach (var row in train.Concat(test))
        {
            var words = QuestionReader.Words(row.Rationale);
            var things = QuestionReader.ThingsIn(row.Input);
            Assert.Equal(QuestionReader.Answer(row), row.Label);
            Assert.Equal(row.Label, words[^1]);
            Assert.Equal(QuestionReader.KindOf(row) == QuestionReader.Kind.Place ? 1 : 2, things.Length);
            Assert.Equal(things, QuestionReader.ThingsIn(row.Rationale).Take(things.Length));
            Assert.Equal(QuestionReader.Facts(row), words.Where(AttributeWords.Contains).Take(things.Length));
            Assert.InRange(words.Length, 7, 16);
        }
    }

    [Theory]
    [InlineData(2000, 500, 1)]
    [InlineData(1000, 500, 2)]
    [InlineData(3501, 499, 3)]
    public void Make_WhenAnswersAreCounted_HalfOfEachKindAreOfEachAnswer(int trainRows, int testRows, ulong seed)
    {
        var (train, test) = EverydayQuestions.Make(trainRows, testRows, seed);

        foreach (var kind in new[] { train, test }.SelectMany(set => set.GroupBy(QuestionReader.KindOf)))
        {
            var yes = kind.Count(row => kind.Key == QuestionReader.Kind.Larger
                ? QuestionReader.ThingsIn(row.Input)[0].Name == row.Label
                : row.Label == "yes");
            Assert.InRange(yes - (kind.Count() - yes), 0, 1);
        }
    }

    [Fact]
    public void Make_WhenKindsAreCounted_GivesEachAThirdExceptThePlacesThatRunOut()
    {
        var (train, test) = EverydayQuestions.Make(1800, 500, 1);

        Assert.All(train.CountBy(QuestionReader.KindOf), entry => Assert.Equal(600, entry.Value));
        var counts = test.CountBy(QuestionReader.KindOf).ToDictionary();
        Assert.Equal(EverydayQuestions.MaxPlaceTestRows, counts[QuestionReader.Kind.Place]);
        Assert.Equal(counts[QuestionReader.Kind.Larger], counts[QuestionReader.Kind.SameMaterial]);
    }

    [Theory]
    [InlineData(1000, 1)]
    [InlineData(1000, 2)]
    [InlineData(2000, 3)]
    public void Make_WhenTrainingHasAThousandRows_EveryFactOccursOften(int trainRows, ulong seed)
    {
        var (train, _) = EverydayQuestions.Make(trainRows, 500, seed);

        foreach (var thing in EverydayThings.All)
        {
            var counts = train.Where(row => QuestionReader.ThingsIn(row.Input).Contains(thing)).CountBy(QuestionReader.KindOf).ToDictionary();
            Assert.True(counts[QuestionReader.Kind.Larger] >= 2, $"The size of {thing} occurs {counts[QuestionReader.Kind.Larger]} times.");
            Assert.True(counts[QuestionReader.Kind.SameMaterial] >= 2, $"The material of {thing} occurs {counts[QuestionReader.Kind.SameMaterial]} times.");
            Assert.True(counts[QuestionReader.Kind.Place] >= 1, $"The place of {thing} occurs {counts[QuestionReader.Kind.Place]} times.");
            Assert.True(counts.Values.Sum() >= 10, $"{thing} occurs {counts.Values.Sum()} times.");
        }
    }

    /// <summary>Training lacks one answer for the things whose place is tested; asked with both, they reward knowledge, not that imbalance.</summary>
    [Fact]
    public void Make_WhenPlacesAreTested_AsksEachThingWithBothAnswers()
    {
        var (_, test) = EverydayQuestions.Make(1000, 500, 1);

        var answers = test.Where(row => QuestionReader.KindOf(row) == QuestionReader.Kind.Place).GroupBy(row =>
            QuestionReader.ThingsIn(row.Input)[0]).ToArray();
        Assert.Equal(EverydayQuestions.MaxPlaceTestRows / 2, answers.Length);
        Assert.All(answers, rows => Assert.Equal(["no", "yes"], rows.Select(row => row.Label).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void Make_WhenOnlyTheTrainingSizeDiffers_TestsTheSameQuestions() =>
        Assert.Equal(EverydayQuestions.Make(1000, 500, 5).Test, EverydayQuestions.Make(2000, 500, 5).Test);

    [Fact]
    public void Make_WhenTheSeedDiffers_AsksOtherQuestions() =>
        Assert.NotEqual(EverydayQuestions.Make(100, 0, 1).Train, EverydayQuestions.Make(100, 0, 1UL << 32 | 1).Train);

    [Fact]
    public void Make_WithSeedOne_WritesTheseTexts()
    {
        var (train, test) = EverydayQuestions.Make(2000, 500, 1);

        var text = string.Concat(train.Concat(test).Select(row => $"{row.Input}\n{row.Label}\n{row.Rationale}\n"));
        Assert.Equal("a4008756491748750f09a1cedb3a179d00064fcc7dfc9094a4c61d7e41d14385",
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
    }
}
