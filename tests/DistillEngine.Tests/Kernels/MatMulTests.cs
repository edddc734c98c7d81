using System.Numerics;
using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class MatMulTests
{
    /// <summary>Rows, inputs, outputs: both paths, tiles with edges on every side, several depth and column blocks, empty axes.</summary>
    internal static readonly (int Rows, int Inputs, int Outputs)[] Sizes =
    [
        (1, 1, 1), (1, 33, 7), (2, 16, 4), (3, 5, 130), (7, 64, 31), (16, 17, 33), (17, 1, 1), (17, 17, 33), (24, 32, 64), (18, 300, 5),
        (33, 65, 15), (40, 7, 1100), (200, 20, 35), (18, 1100, 40), (620, 9, 70), (0, 4, 4), (4, 0, 4), (20, 0, 4), (4, 4, 0),
    ];

    internal static MatMul Create(CpuIsa isa, ComputePool pool, ComputePrecision precision = ComputePrecision.F32) => CpuVariants.Create<MatMul>(isa,
        () => new MatMulCpu<F32x1>(pool, CpuVariants.Gemm<F32x1>(isa, pool, precision), isa),
        () => new MatMulCpu<F32x4>(pool, CpuVariants.Gemm<F32x4>(isa, pool, precision), isa),
        () => new MatMulCpu<F32x8>(pool, CpuVariants.Gemm<F32x8>(isa, pool, precision), isa),
        () => new MatMulCpu<F32x16>(pool, CpuVariants.Gemm<F32x16>(isa, pool, precision), isa));

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsasAndThreads), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OnEverySize_EqualTheOracle(CpuIsa isa, int threads)
    {
        using var pool = new ComputePool(threads);
        MatMul op = Create(isa, pool);
        foreach (var (rows, inputs, outputs) in Sizes)
            foreach (Into into in new[] { Into.Overwrite, Into.Add })
                AssertEqualsOracle(op, rows, inputs, outputs, into);
    }

    internal static void AssertEqualsOracle(MatMul op, int rows, int inputs, int outputs, Into into)
    {
        using var host = new HostTensors(seed: rows * 10_000 + inputs * 100 + outputs);
        Tensor x = host.Random("x", new(rows, inputs)), w = host.Random("w", new(outputs, inputs));
        Tensor dy = host.Random("dy", new(rows, outputs));
        // Overwrite must not read what was there, which is NaN.
        Tensor y = into == Into.Add ? host.Random("y", new(rows, outputs)) : host.Empty("y", new(rows, outputs));
        Tensor dx = into == Into.Add ? host.Random("dx", new(rows, inputs)) : host.Empty("dx", new(rows, inputs));
        Tensor dWeight = into == Into.Add ? host.Random("dWeight", new(outputs, inputs)) : host.Empty("dWeight", new(outputs, inputs));
        double[] oldY = Doubles(y), oldDx = Doubles(dx), oldDWeight = Doubles(dWeight);

        op.Forward(x, new Weight(w), into, y);
        op.Backward(dy, x, new Weight(w), into, dx, new(dWeight, into));

        double[] xs = Doubles(x), ws = Doubles(w), dys = Doubles(dy);
        double[] ax = MatMulReference.Magnitudes(xs), aw = MatMulReference.Magnitudes(ws), ady = MatMulReference.Magnitudes(dys);
        string what = $"{rows} × {inputs} → {outputs}, {into}";
        AssertClose(y, into, oldY, MatMulReference.Forward(xs, ws, rows, inputs, outputs),
            MatMulReference.Forward(ax, aw, rows, inputs, outputs), inputs, $"y of {what}");
        AssertClose(dx, into, oldDx, MatMulReference.BackwardInput(dys, ws, rows, inputs, outputs),
            MatMulReference.BackwardInput(ady, aw, rows, inputs, outputs), outputs, $"dx of {what}");
        AssertClose(dWeight, into, oldDWeight, MatMulReference.BackwardWeight(dys, xs, rows, inputs, outputs),
            MatMulReference.BackwardWeight(ady, ax, rows, inputs, outputs), rows, $"dWeight of {what}");
        Assert.True(host.GuardsAreIntact(), what);
    }

    static void AssertClose(Tensor got, Into into, double[] old, double[] product, double[] magnitude, int terms, string what)
    {
        double[] expected = [.. product.Select((p, i) => into == Into.Add ? old[i] + p : p)];
        double[] bounds = [.. magnitude.Select((m, i) =>
            Tolerance.Sum(terms) * Tolerance.Epsilon * (m + (into == Into.Add ? Math.Abs(old[i]) : 0)))];
        Tolerance.AssertWithin(got.HostSpan<float>(), expected, bounds, what);
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OnAnyThreadCount_GiveTheSameBits(CpuIsa isa)
    {
        // Large enough that every product is split: a part takes at least 2¹⁸ multiply-adds, or 2¹⁵ weights where rows are few.
        foreach (int rows in new[] { 2, 37 })
        {
            float[][]? expected = null;
            for (int threads = 1; threads <= 5; threads++)
            {
                using var host = new HostTensors(seed: 7);
                using var pool = new ComputePool(threads);
                float[][] results = [.. RunAll(host, Create(isa, pool), rows, 290, 390).Select(t => t.HostSpan<float>().ToArray())];
                expected ??= results;
                Assert.Equal(expected, results);
            }
        }
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Forward_OfARowAmongOthers_GivesTheSameBitsWithinAPath(CpuIsa isa)
    {
        using var host = new HostTensors(seed: 3);
        using var pool = new ComputePool(1);
        MatMul op = Create(isa, pool);
        Tensor x = host.Random("x", new(40, 70));
        var w = new Weight(host.Random("w", new(37, 70)));
        Tensor all = host.Empty("y", new(40, 37)), some = host.Empty("y", new(17, 37));
        Tensor few = host.Empty("y", new(16, 37)), one = host.Empty("y", new(1, 37));

        op.Forward(x, w, Into.Overwrite, all);
        op.Forward(x.First(17), w, Into.Overwrite, some);
        op.Forward(x.First(16), w, Into.Overwrite, few);
        op.Forward(x.Rows(7, 1), w, Into.Overwrite, one);

        Assert.Equal(all.First(17).HostSpan<float>(), some.HostSpan<float>());
        Assert.Equal(few.Rows(7, 1).HostSpan<float>(), one.HostSpan<float>());
    }

    [Fact]
    public void BackwardOracle_EqualsTheComplexStepOfTheForward()
    {
        const int rows = 3, inputs = 4, outputs = 2;
        const double step = 1e-100;
        using var host = new HostTensors(seed: 5);
        double[] x = Doubles(host.Random("x", new(rows, inputs))), w = Doubles(host.Random("w", new(outputs, inputs)));
        double[] dy = Doubles(host.Random("dy", new(rows, outputs)));
        double[] dx = MatMulReference.BackwardInput(dy, w, rows, inputs, outputs);
        double[] dWeight = MatMulReference.BackwardWeight(dy, x, rows, inputs, outputs);
        for (int i = 0; i < x.Length; i++) Assert.Equal(dx[i], Loss(Nudged(x, i), Nudged(w, -1)), 1e-14);
        for (int i = 0; i < w.Length; i++) Assert.Equal(dWeight[i], Loss(Nudged(x, -1), Nudged(w, i)), 1e-14);

        double Loss(Complex[] xs, Complex[] ws) =>
            MatMulReference.Forward(xs, ws, rows, inputs, outputs).Select((y, i) => y.Imaginary * dy[i]).Sum() / step;

        static Complex[] Nudged(double[] values, int at) => [.. values.Select((v, i) => new Complex(v, i == at ? step : 0))];
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_AfterWarmUp_AllocateNothing(CpuIsa isa)
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(2);
        MatMul op = Create(isa, pool);
        Tensor x = host.Random("x", new(18, 20)), dy = host.Random("dy", new(18, 24)), y = host.Empty("y", new(18, 24));
        Tensor dx = host.Empty("dx", new(18, 20)), dWeight = host.Random("dWeight", new(24, 20));
        var w = new Weight(host.Random("w", new(24, 20)));
        Step();
        Assert.Equal(0, Allocations.Of(() => Step()));

        void Step()
        {
            op.Forward(x, w, Into.Overwrite, y);
            op.Forward(x.First(3), w, Into.Overwrite, y.First(3));
            op.Backward(dy, x, w, Into.Add, dx, dWeight);
        }
    }

    [Fact]
    public void ForwardAndBackward_OnWrongShapes_NameOpAndTensor()
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        MatMul op = Create(CpuIsa.Scalar, pool);
        Tensor x = host.Random("the.x", new(2, 3)), y = host.Random("the.y", new(2, 5));
        var w = new Weight(host.Random("w", new(4, 3)));
        var forward = Assert.Throws<ArgumentException>(() => op.Forward(x, w, Into.Overwrite, y));
        Assert.Contains("matmul.forward: 'the.y' has shape [2, 5], expected [2, 4]", forward.Message);
        var backward = Assert.Throws<ArgumentException>(() => op.Backward(y, x, w, Into.Overwrite, x, w.Value));
        Assert.Contains("matmul.backward: 'the.y'", backward.Message);
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void SharedProducts_OnAnyThreadCount_GiveTheBitsOfOneMapAfterTheOther(CpuIsa isa)
    {
        // As many alike maps as threads, fewer, more; maps of several sizes, one of them empty; more than fit one run.
        int[][] maps = [[90], [96, 96], [80, 80, 80], [40, 200, 0], [.. Enumerable.Repeat(48, 9)]];
        foreach (int[] outputs in maps)
            foreach (Into into in new[] { Into.Overwrite, Into.Add })
                for (int threads = 1; threads <= 5; threads++) AssertSharedEqualsSingle(isa, threads, rows: 130, inputs: 70, outputs, into);
        // No rows: gradients of weights are zeros, or stay.
        AssertSharedEqualsSingle(isa, 2, rows: 0, inputs: 70, [40, 40], Into.Overwrite);
        AssertSharedEqualsSingle(isa, 2, rows: 0, inputs: 70, [40, 40], Into.Add);
    }

    static void AssertSharedEqualsSingle(CpuIsa isa, int threads, int rows, int inputs, int[] outputs, Into into)
    {
        using var host = new HostTensors(seed: outputs.Length);
        using var pool = new ComputePool(threads);
        MatMul op = Create(isa, pool);
        Tensor x = host.Random("x", new(rows, inputs)), dx = host.Random("dx", new(rows, inputs)), expectedDx = host.Copy(dx);
        Weight[] weights = [.. outputs.Select(width => new Weight(host.Random("w", new(width, inputs))))];
        Tensor[] dys = [.. outputs.Select(width => host.Random("dy", new(rows, width)))];
        Tensor[] ys = [.. outputs.Select(width => host.Empty("y", new(rows, width)))], expectedYs = [.. ys.Select(host.Copy)];
        Tensor[] dWeights = [.. outputs.Select(width => host.Random("dw", new(width, inputs)))], expectedDWeights = [.. dWeights.Select(host.Copy)];

        op.ForwardShared(x, weights, ys);
        op.BackwardShared(dys, x, weights, into, dx, [.. dWeights.Select(sum => new Gradient(sum, into))]);
        for (int i = 0; i < outputs.Length; i++)
        {
            op.Forward(x, weights[i], Into.Overwrite, expectedYs[i]);
            op.BackwardInput(dys[i], weights[i], i == 0 ? into : Into.Add, expectedDx);
            op.BackwardWeight(dys[i], x, new(expectedDWeights[i], into));
        }

        Assert.Equal(expectedYs.Select(Bits), ys.Select(Bits));
        Assert.Equal(Bits(expectedDx), Bits(dx));
        Assert.Equal(expectedDWeights.Select(Bits), dWeights.Select(Bits));
        Assert.True(host.GuardsAreIntact());

        static int[] Bits(Tensor tensor) => [.. tensor.HostSpan<float>().ToArray().Select(BitConverter.SingleToInt32Bits)];
    }

    /// <summary>A gradient that no cache keeps until it is read: its tiles are written past the caches, those with edges too.</summary>
    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void BackwardWeight_OfALargeResult_EqualsTheSumFromZeroOn(CpuIsa isa)
    {
        using var host = new HostTensors(seed: 4);
        using var pool = new ComputePool(2);
        MatMul op = Create(isa, pool);
        foreach (int inputs in new[] { 656, 650 })
        {
            Tensor x = host.Random("x", new(21, inputs)), dy = host.Random("dy", new(21, 1030));
            Tensor overwritten = host.Empty("dw", new(1030, inputs)), summed = host.Filled("sum", new(1030, inputs), 0);
            op.BackwardWeight(dy, x, new(overwritten, Into.Overwrite));
            op.BackwardWeight(dy, x, new(summed, Into.Add));
            Assert.True(summed.HostSpan<float>().SequenceEqual(overwritten.HostSpan<float>()));
        }
        Assert.True(host.GuardsAreIntact());
    }

    [Fact]
    public void BackwardShared_OfNoMapsOrOtherCounts_IsRefused()
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        MatMul op = Create(CpuIsa.Scalar, pool);
        Tensor x = host.Random("x", new(2, 3)), dx = host.Empty("dx", new(2, 3)), dy = host.Random("dy", new(2, 4));
        var w = new Weight(host.Random("w", new(4, 3)));
        Assert.Contains("matmul.backward: expected at least one map", Assert.Throws<ArgumentException>(() => op.BackwardShared([], x, [], Into.Add, dx, [])).Message);
        Assert.Contains("matmul.backward: expected 1 gradients of outputs and of weights, got 1 and 0",
            Assert.Throws<ArgumentException>(() => op.BackwardShared([dy], x, [w], Into.Add, dx, [])).Message);
    }

    [Fact]
    public void ForwardShared_OfNoMaps_IsRefused()
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        var e = Assert.Throws<ArgumentException>(() => Create(CpuIsa.Scalar, pool).ForwardShared(host.Random("x", new(2, 3)), [], []));
        Assert.Contains("matmul.forward_shared: expected at least one map", e.Message);
    }

    static Tensor[] RunAll(HostTensors host, MatMul op, int rows, int inputs, int outputs)
    {
        Tensor x = host.Random("x", new(rows, inputs)), dy = host.Random("dy", new(rows, outputs)), y = host.Empty("y", new(rows, outputs));
        Tensor dx = host.Empty("dx", new(rows, inputs)), dWeight = host.Random("dWeight", new(outputs, inputs));
        var w = new Weight(host.Random("w", new(outputs, inputs)));
        op.Forward(x, w, Into.Overwrite, y);
        op.Backward(dy, x, w, Into.Overwrite, dx, dWeight);
        return [y, dx, dWeight];
    }

    static double[] Doubles(Tensor tensor) => Array.ConvertAll(tensor.HostSpan<float>().ToArray(), v => (double)v);
}
