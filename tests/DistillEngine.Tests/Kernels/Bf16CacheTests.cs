using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>Keys and values that are kept in bfloat16: stored by <see cref="RowScatter"/>, read by <see cref="Attention"/>.</summary>
public class Bf16CacheTests
{
    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    /// <summary>Widening is exact, so that only the storing rounds.</summary>
    [Theory]
    [MemberData(nameof(Isas))]
    public void Forward_OfBf16KeysAndValues_GivesTheBitsOfTheirFloat32(CpuIsa isa)
    {
        AttentionSpan[] spans = [new(0, 1, 0, 1, 0, 1), new(1, 1, 1, 33, 32, 2), new(2, 1, 34, 64, 63, 3), new(3, 1, 98, 7, 6, 4)];
        foreach (int headWidth in new[] { 1, 3, 16, 17, 64 })
            foreach (int threads in new[] { 1, 3 })
                foreach (Masking masking in new[] { Masking.None, Masking.Causal })
                {
                    using var problem = new AttentionProblem(7, spans, 3, headWidth, masking, masking == Masking.Causal ? false : null, 0);
                    using var tensors = new HostTensors(1);
                    using var pool = new ComputePool(threads);
                    RowScatter scatter = RowScatterTests.Create(isa, pool);
                    Tensor keys = tensors.Empty("keys", problem.K.Shape, DType.BF16), values = tensors.Empty("values", problem.V.Shape, DType.BF16);
                    scatter.Round(problem.K, keys);
                    scatter.Round(problem.V, values);
                    Attention op = AttentionTests.Create(isa, pool);
                    Tensor expected = tensors.Filled("expected", problem.Q.Shape, 0), got = tensors.Filled("got", problem.Q.Shape, 0);
                    Run(op, Widened(tensors, keys), Widened(tensors, values), expected);
                    Run(op, keys, values, got);
                    Assert.Equal(expected.HostSpan<float>(), got.HostSpan<float>());
                    Assert.True(tensors.GuardsAreIntact());

                    void Run(Attention op, Tensor k, Tensor v, Tensor y) =>
                        op.Forward(problem.Q, k, v, problem.SpanTensor, problem.Heads, masking, problem.Bias,
                        DropoutSite.None, y, tensors.Empty("log_sum_exp", new(y.Shape.D0, problem.Heads)));
                }
    }

    [Fact]
    public void Forward_OfBf16KeysForSeveralQueries_SaysWhatIsExpected()
    {
        using var problem = new AttentionProblem(7, [new(0, 2, 0, 5, 0, 1)], 2, 4, Masking.None, null, 0);
        using var tensors = new HostTensors(1);
        using var pool = new ComputePool(1);
        Tensor keys = tensors.Empty("keys", problem.K.Shape, DType.BF16), logSumExp = tensors.Empty("log_sum_exp", new(problem.Q.Shape.D0, 2));
        var e = Assert.Throws<ArgumentException>(() => AttentionTests.Create(CpuIsas.Choose(), pool)
            .Forward(problem.Q, keys, keys, problem.SpanTensor, 2, Masking.None, default, DropoutSite.None, tensors.Empty("y", problem.Q.Shape), logSumExp));
        Assert.Contains("float32 keys and values where a sequence has several queries", e.Message);
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Forward_IntoBf16Rows_RoundsTheNamedRowsAlone(CpuIsa isa)
    {
        foreach (int width in CpuVariants.EdgeLengths)
        {
            using var tensors = new HostTensors(width);
            using var pool = new ComputePool(2);
            Tensor x = tensors.Random("x", new(3, width)), y = tensors.Empty("y", new(8, width), DType.BF16);
            x.HostSpan<float>()[0] = float.NaN;
            y.HostSpan<ushort>().Fill(7);
            int[] target = [6, 0, 3];
            RowScatterTests.Create(isa, pool).Forward(x, tensors.From("target", new(3), target), y);
            for (int row = 0; row < 8; row++)
                for (int i = 0; i < width; i++)
                {
                    int from = Array.IndexOf(target, row);
                    ushort expected = from < 0 ? (ushort)7 : WeightPacker.ToBF16(x.HostSpan<float>()[from * width + i]);
                    Assert.Equal(expected, y.HostSpan<ushort>()[row * width + i]);
                }
            Assert.True(tensors.GuardsAreIntact());
        }
    }

    static Tensor Widened(HostTensors tensors, Tensor rows)
    {
        float[] values = Array.ConvertAll(rows.HostSpan<ushort>().ToArray(), WeightPacker.FromBF16);
        return tensors.From(rows.Name, rows.Shape, values);
    }
}
