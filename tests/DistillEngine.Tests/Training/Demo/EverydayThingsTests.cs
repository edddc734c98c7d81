using DistillEngine.Training.Demo;
using Xunit;

namespace DistillEngine.Tests.Training.Demo;

public class EverydayThingsTests
{
    [Fact]
    public void All_WhenCounted_HasAboutAHundredAndTwentyDistinctOneWordNames()
    {
        Assert.InRange(EverydayThings.All.Count, 115, 130);
        Assert.Equal(EverydayThings.All.Count, EverydayThings.All.Select(thing => thing.Name).Distinct().Count());
        Assert.All(EverydayThings.All, thing => Assert.Matches("^[a-z]{3,}$", thing.Name));
    }

    [Fact]
    public void All_WhenGroupedByAnAttribute_PopulatesEveryClass()
    {
        AssertPopulated(thing => thing.Size, 17, 33);
        AssertPopulated(thing => thing.Material, 14, 30);
        AssertPopulated(thing => thing.Place, 23, 28);
    }

    /// <summary>Knowing one attribute leaves the others open: no class gives away more than half of another attribute.</summary>
    [Fact]
    public void All_WhenOneAttributeIsKnown_LeavesTheOthersOpen()
    {
        AssertMixed(thing => thing.Size, thing => thing.Material);
        AssertMixed(thing => thing.Size, thing => thing.Place);
        AssertMixed(thing => thing.Material, thing => thing.Place);
    }

    [Theory]
    [InlineData("spoon", "a spoon")]
    [InlineData("oak", "an oak")]
    [InlineData("umbrella", "an umbrella")]
    public void WithArticle_WhenTheNameBeginsWithAVowel_IsAn(string name, string expected) =>
        Assert.Equal(expected, EverydayThings.All.Single(thing => thing.Name == name).WithArticle);

    static void AssertPopulated<T>(Func<EverydayThing, T> attribute, int least, int most)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
            Assert.InRange(EverydayThings.All.Count(thing => attribute(thing).Equals(value)), least, most);
    }

    static void AssertMixed<T1, T2>(Func<EverydayThing, T1> first, Func<EverydayThing, T2> second)
        where T1 : struct, Enum
        where T2 : struct, Enum
    {
        AssertNoneDominates(first, second);
        AssertNoneDominates(second, first);
    }

    static void AssertNoneDominates<T1, T2>(Func<EverydayThing, T1> known, Func<EverydayThing, T2> open)
        where T1 : struct, Enum
        where T2 : struct, Enum
    {
        foreach (var group in EverydayThings.All.GroupBy(known))
        {
            var most = group.CountBy(open).MaxBy(entry => entry.Value);
            Assert.True(2 * most.Value <= group.Count(), $"{most.Value} of {group.Count()} {group.Key} things are {most.Key}.");
        }
    }
}
