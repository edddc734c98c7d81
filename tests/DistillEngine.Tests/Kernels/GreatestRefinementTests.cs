using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public sealed class GreatestRefinementTests : IDisposable
{
    readonly PackedWeights _packed = new();

    public static TheoryData<CpuIsa, WeightForm> Variants =>
        [.. from isa in CpuIsas.All from form in (WeightForm[])[WeightForm.Int8, WeightForm.Int4] select (isa, form)];

    [Theory]
    [MemberData(nameof(Variants))]
    public void RefineGreatest_OfAnySize_ChoosesAsTheFloat32Weights(CpuIsa isa, WeightForm form)
    {
        using var pool = new ComputePool(2);
        MatMul op = MatMulTests.Create(isa, pool);
        int changed = 0, wrongBefore = 0;
        foreach (var (rows, inputs, outputs) in new[] { (0, 4, 4), (1, 1, 1), (1, 33, 7), (3, 31, 1000), (64, 48, 3000), (9, 130, 2001) })
        {
            using var host = new HostTensors(seed: rows * 10_000 + inputs);
            Tensor x = host.Random("x", new(rows, inputs)), values = host.Random("w", new(outputs, inputs)), y = host.Empty("y", new(rows, outputs));
            Weight w = _packed.Pack(values, form, ParameterUse.VocabularyLinear);
            op.Forward(x, w, Into.Overwrite, y);
            float[] before = y.HostSpan<float>().ToArray();
            double[] xs = Array.ConvertAll(x.HostSpan<float>().ToArray(), v => (double)v);
            double[] fine = MatMulReference.Forward(xs, PackedReference.FineValues(w.Packed!), rows, inputs, outputs);
            double[] exact = MatMulReference.Forward(xs, Array.ConvertAll(values.HostSpan<float>().ToArray(), v => (double)v), rows, inputs, outputs);

            op.RefineGreatest(x, w, y);

            ReadOnlySpan<float> after = y.HostSpan<float>();
            for (int i = 0; i < after.Length; i++)
            {
                if (after[i] == before[i]) continue;
                changed++;
                Assert.Equal(fine[i], after[i], Math.Abs(fine[i]) * Tolerance.Epsilon);
            }
            for (int row = 0; row < rows; row++)
            {
                ReadOnlySpan<double> truth = exact.AsSpan(row * outputs, outputs);
                int best = Best(truth);
                if (Best(before.AsSpan(row * outputs, outputs)) != best) wrongBefore++;
                Assert.True(Best(after.Slice(row * outputs, outputs)) == best, $"{form} on {isa}, {rows} × {inputs} → {outputs}, row {row}, seed {host.Seed}");
            }
            Assert.True(host.GuardsAreIntact());
        }
        // Without rows that the rounding decided, the choices above would show nothing.
        Assert.InRange(wrongBefore, 1, 76);
        Assert.InRange(changed, 77, 20_000);
    }

    [Theory]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Int4)]
    public void RefineGreatest_OnAnyIsaThreadsAndCompany_GivesTheSameBits(WeightForm form)
    {
        using var host = new HostTensors(seed: 5);
        Tensor x = host.Random("x", new(33, 70));
        Weight w = _packed.Pack(host.Random("w", new(2000, 70)), form, ParameterUse.VocabularyLinear);
        float[]? expected = null;
        foreach (CpuIsa isa in CpuIsas.All.Where(isa => CpuIsas.Obstacle(isa) is null))
            foreach (int threads in new[] { 1, 3 })
            {
                using var pool = new ComputePool(threads);
                MatMul op = MatMulTests.Create(isa, pool);
                Tensor all = host.Empty("all", new(33, 2000)), one = host.Empty("one", new(1, 2000));
                op.Forward(x, w, Into.Overwrite, all);
                op.RefineGreatest(x, w, all);
                op.Forward(x.Rows(20, 1), w, Into.Overwrite, one);
                op.RefineGreatest(x.Rows(20, 1), w, one);
                expected ??= all.HostSpan<float>().ToArray();
                Assert.Equal(expected, all.HostSpan<float>().ToArray());
                Assert.Equal(all.Rows(20, 1).HostSpan<float>(), one.HostSpan<float>());
            }
    }

    [Fact]
    public void RefineGreatest_OfRowsWithoutAGreatest_LeavesThemAsTheyAre()
    {
        using var host = new HostTensors(seed: 3);
        using var pool = new ComputePool(1);
        MatMul op = MatMulTests.Create(CpuIsas.Choose(), pool);
        Tensor x = host.Random("x", new(2, 16)), y = host.Empty("y", new(2, 100));
        x.HostSpan<float>()[..16].Clear();
        x.HostSpan<float>()[20] = float.NaN;
        Weight w = _packed.Pack(host.Random("w", new(100, 16)), WeightForm.Int8, ParameterUse.VocabularyLinear);
        op.Forward(x, w, Into.Overwrite, y);
        op.RefineGreatest(x, w, y);
        Assert.All(y.Rows(0, 1).HostSpan<float>().ToArray(), v => Assert.Equal(0, v));
        Assert.All(y.Rows(1, 1).HostSpan<float>().ToArray(), v => Assert.True(float.IsNaN(v)));
    }

    [Fact]
    public void RefineGreatest_AfterWarmUp_AllocatesNothing()
    {
        using var host = new HostTensors(seed: 3);
        using var pool = new ComputePool(2);
        MatMul op = MatMulTests.Create(CpuIsas.Choose(), pool);
        Tensor x = host.Random("x", new(2, 16)), y = host.Random("y", new(2, 100));
        Weight w = _packed.Pack(host.Random("w", new(100, 16)), WeightForm.Int4, ParameterUse.VocabularyLinear);
        op.RefineGreatest(x, w, y);
        Assert.Equal(0, Allocations.Of(() => op.RefineGreatest(x, w, y)));
    }

    [Fact]
    public void RefineGreatest_OfAMapWithoutRemainders_SaysSo()
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        Weight w = _packed.Pack(host.Random("the.w", new(4, 3)), WeightForm.Int8);
        var e = Assert.Throws<ArgumentException>(() =>
            MatMulTests.Create(CpuIsa.Scalar, pool).RefineGreatest(host.Random("x", new(1, 3)), w, host.Random("y", new(1, 4))));
        Assert.Contains("a weight with remainders, got 'the.w' in int8", e.Message);
    }

    public void Dispose() => _packed.Dispose();

    static int Best<T>(ReadOnlySpan<T> values) where T : IComparable<T>
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
            if (values[i].CompareTo(values[best]) > 0) best = i;
        return best;
    }
}
