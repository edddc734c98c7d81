using DistillEngine.Core;
using Xunit;

namespace DistillEngine.Tests.Core;

public class ShapeTests
{
    [Fact]
    public void Count_WhenTheProductExceeds31Bits_IsExact() => Assert.Equal(128L * 1024 * 32128, new Shape(128, 1024, 32128).Count);

    [Fact]
    public void ToString_ShowsTheDimensionsThatWereGiven() => Assert.Equal("[2, 3]", new Shape(2, 3).ToString());
}
