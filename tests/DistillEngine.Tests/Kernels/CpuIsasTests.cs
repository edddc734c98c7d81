using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class CpuIsasTests
{
    [Fact]
    public void Choose_OnNothing_TakesTheFirstAdvisedOne() => Assert.Equal(CpuIsas.All.First(CpuIsas.IsAdvised), CpuIsas.Choose(null));

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Choose_OnAName_TakesItOrSaysWhyNot(CpuIsa isa)
    {
        if (CpuIsas.Obstacle(isa) is not { } obstacle) Assert.Equal(isa, CpuIsas.Choose(CpuIsas.Name(isa)));
        else Assert.Contains(obstacle, Assert.Throws<ArgumentException>(() => CpuIsas.Choose(CpuIsas.Name(isa))).Message);
    }

    [Fact]
    public void Choose_OnAnUnknownName_ListsTheNames()
    {
        string message = Assert.Throws<ArgumentException>(() => CpuIsas.Choose("avx3")).Message;
        foreach (CpuIsa isa in CpuIsas.All) Assert.Contains(CpuIsas.Name(isa), message);
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Width_OfAnIsa_IsPortable(CpuIsa isa) => Assert.Contains(CpuIsas.Width(isa), CpuIsas.Widths);

    [Fact]
    public void Choose_OfWhatIsAdvisedAgainst_TakesItByNameAlone()
    {
        Assert.Null(CpuIsas.Advice(CpuIsas.Choose(null)));
        foreach (CpuIsa isa in CpuIsas.All.Where(isa => CpuIsas.Obstacle(isa) is null && CpuIsas.Advice(isa) is not null))
        {
            Assert.False(CpuIsas.IsAdvised(isa));
            Assert.Equal(isa, CpuIsas.Choose(CpuIsas.Name(isa)));
        }
    }

    [Fact]
    public void Obstacle_WhereTheRuntimeSwitchesASetOff_IsThere()
    {
        if (!System.Runtime.Intrinsics.X86.Avx2.IsSupported) Assert.NotNull(CpuIsas.Obstacle(CpuIsa.Avx2));
        if (!System.Runtime.Intrinsics.X86.Avx512F.IsSupported) Assert.NotNull(CpuIsas.Obstacle(CpuIsa.Avx512));
        if (CpuIsas.Obstacle(CpuIsa.Avx512) is not null) Assert.NotNull(CpuIsas.Obstacle(CpuIsa.Avx512Bf16));
    }
}
