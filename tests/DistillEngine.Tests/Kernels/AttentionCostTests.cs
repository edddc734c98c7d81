using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class AttentionCostTests
{
    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(4, 4, 0)]
    [InlineData(1, 7, 6)]
    [InlineData(3, 8, 5)]
    [InlineData(5, 3, 0)]
    [InlineData(2, 3, 9)]
    public void Pairs_OfACausalSpan_CountsTheKeysThatEachQuerySees(int queries, int keys, int position)
    {
        long expected = 0;
        for (int query = 0; query < queries; query++) expected += Math.Min(keys, position + query + 1);
        Assert.Equal(expected, AttentionCost.Pairs(new(0, queries, 0, keys, position, 0), Masking.Causal));
        Assert.Equal((long)queries * keys, AttentionCost.Pairs(new(0, queries, 0, keys, position, 0), Masking.None));
    }

    [Fact]
    public void Forward_OfTwoSpans_CountsProductsAndOperands()
    {
        using var buffer = new HostBuffer(2 * AttentionSpan.Fields * sizeof(int), "spans");
        var spans = new Tensor(buffer, 0, new(2, AttentionSpan.Fields), DType.I32, "spans");
        int[] fields = [0, 2, 0, 3, 0, 0, 2, 1, 3, 4, 0, 1];
        fields.CopyTo(spans.HostSpan<int>());
        const int Width = 8, Pairs = 2 * 3 + 1 * 4, Rows = 2 + 1 + 3 + 4;
        Assert.Equal(new Cost(2 * 2 * Pairs * Width, sizeof(float) * 2 * Rows * Width), AttentionCost.Forward(spans, Masking.None, Width));
        Assert.Equal(new Cost(2 * 4 * Pairs * Width, sizeof(float) * 4 * Rows * Width), AttentionCost.Backward(spans, Masking.None, Width));
    }
}
