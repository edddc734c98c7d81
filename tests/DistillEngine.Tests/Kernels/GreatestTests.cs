using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class GreatestTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(33)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(3333)]
    public void IndexOf_AtEveryPlace_IsTheFirstOfTheGreatest(int length)
    {
        var random = new Random(3);
        float[] values = [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 2)];
        for (int at = 0; at < length; at += 1 + length / 100)
        {
            float old = values[at];
            values[at] = 5;
            float last = values[^1];
            // A second one does not matter.
            values[^1] = 5;
            Assert.Equal(at, Greatest.IndexOf(values));
            (values[^1], values[at]) = (last, old);
        }
    }

    [Fact]
    public void IndexOf_OfNothingButMinusInfinity_IsTheFirst() => Assert.Equal(0, Greatest.IndexOf([float.NegativeInfinity, float.NegativeInfinity]));

    [Fact]
    public void IndexOf_AmongMinusInfinities_IsTheOtherOne()
    {
        float[] values = new float[2000];
        values.AsSpan().Fill(float.NegativeInfinity);
        values[1500] = -1e30f;
        Assert.Equal(1500, Greatest.IndexOf(values));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(700)]
    [InlineData(1999)]
    public void IndexOf_WhereThereIsANaN_IsItsPlace(int at)
    {
        float[] values = new float[2000];
        values[at] = float.NaN;
        Assert.Equal(at, Greatest.IndexOf(values));
    }
}
