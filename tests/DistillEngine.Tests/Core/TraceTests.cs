using DistillEngine.Core;
using Xunit;

namespace DistillEngine.Tests.Core;

public class TraceTests
{
    [Fact]
    public void Op_WhileALogIsOpen_SumsCallsAndCostByName()
    {
        using TraceLog log = Trace.Open();
        for (int i = 0; i < 3; i++)
        {
            using var _ = Trace.Op("product", new Cost(10, 4));
        }
        using (Trace.Op("norm", new Cost(1, 8)))
        {
        }

        var product = Assert.Single(log.Rows, row => row.Op == "product");
        Assert.Equal((3, new Cost(30, 12)), (product.Calls, product.Cost));
        Assert.Equal(2, log.Rows.Count);
    }

    [Fact]
    public void Op_AfterTheLogIsClosed_RecordsNothingAndAllocatesNothing()
    {
        TraceLog log = Trace.Open();
        log.Dispose();
        Assert.Equal(0, Allocations.Of(() =>
        {
            using (Trace.Op("product", default))
            {
            }
        }));
        Assert.Empty(log.Rows);
    }
}
