using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public sealed class PackedMatMulTests : IDisposable
{
    static readonly WeightForm[] Forms = [WeightForm.PackedF32, WeightForm.BF16, WeightForm.Int8, WeightForm.Int4];

    /// <summary>Rows, inputs, outputs: panels of every height, groups and steps with edges, several blocks of rows.</summary>
    static readonly (int Rows, int Inputs, int Outputs)[] Sizes =
    [
        (1, 1, 1), (1, 33, 7), (1, 64, 48), (2, 16, 4), (3, 5, 130), (4, 31, 31), (5, 64, 33), (7, 96, 17), (9, 130, 16), (33, 40, 20),
        (150, 34, 35), (0, 4, 4),
        (6, 67, 3), (8, 128, 64), (17, 100, 40), (24, 70, 96), (600, 516, 33),
    ];

    readonly PackedWeights _packed = new();

    public static TheoryData<CpuIsa, WeightForm> Variants => [.. from isa in CpuIsas.All from form in Forms select (isa, form)];

    [Theory]
    [MemberData(nameof(Variants))]
    public void Forward_OnEverySize_EqualsTheOracle(CpuIsa isa, WeightForm form)
    {
        using var pool = new ComputePool(2);
        MatMul op = Op(isa, pool, form);
        foreach (var (rows, inputs, outputs) in Sizes)
            foreach (Into into in new[] { Into.Overwrite, Into.Add })
            {
                using var host = new HostTensors(seed: rows * 10_000 + inputs * 100 + outputs);
                Tensor x = host.Random("x", new(rows, inputs));
                Weight w = Pack(host.Random("w", new(outputs, inputs)), form);
                // Overwrite must not read what was there, which is NaN.
                Tensor y = into == Into.Add ? host.Random("y", new(rows, outputs)) : host.Empty("y", new(rows, outputs));
                float[] old = y.HostSpan<float>().ToArray();

                op.Forward(x, w, into, y);

                AssertClose(x, w, into, old, y, $"{rows} × {inputs} → {outputs} in {form}, {into}, seed {host.Seed}");
                Assert.True(host.GuardsAreIntact());
            }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Forward_OnAnyThreadsAndInAnyCompany_GivesTheSameBits(CpuIsa isa, WeightForm form)
    {
        using var host = new HostTensors(seed: 7);
        Tensor x = host.Random("x", new(7, 290));
        Weight w = Pack(host.Random("w", new(390, 290)), form);
        float[]? expected = null;
        for (int threads = 1; threads <= 4; threads++)
        {
            using var pool = new ComputePool(threads);
            MatMul op = Op(isa, pool, form);
            Tensor all = host.Empty("y", new(7, 390)), one = host.Empty("y", new(1, 390));
            op.Forward(x, w, Into.Overwrite, all);
            op.Forward(x.Rows(5, 1), w, Into.Overwrite, one);
            expected ??= all.HostSpan<float>().ToArray();
            Assert.Equal(expected, all.HostSpan<float>().ToArray());
            Assert.Equal(all.Rows(5, 1).HostSpan<float>(), one.HostSpan<float>());
        }
    }

    [Theory]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Int4)]
    public void Forward_OfWholeNumbers_GivesTheSameBitsWithEveryIsa(WeightForm form)
    {
        using var host = new HostTensors(seed: 9);
        using var pool = new ComputePool(1);
        Tensor x = host.Random("x", new(19, 77));
        Weight w = Pack(host.Random("w", new(50, 77)), form);
        float[][] results = [.. CpuIsas.All.Where(isa => CpuIsas.Obstacle(isa) is null).Select(isa =>
        {
            Tensor y = host.Empty("y", new(19, 50));
            MatMulTests.Create(isa, pool).Forward(x, w, Into.Overwrite, y);
            return y.HostSpan<float>().ToArray();
        })];
        Assert.All(results, r => Assert.Equal(results[0], r));
    }

    /// <summary>One chain of fused multiply-adds along the inputs, in every tile.</summary>
    [Fact]
    public void Multiply_InFloat32_AddsInTheOrderOfTheInputs()
    {
        using var pool = new ComputePool(2);
        PackedTiles[] all = PackedWeights.Tiles(WeightForm.PackedF32);
        if (all.Length == 0) Assert.Skip("There are no tiles of packed float32 weights here.");
        foreach (var (rows, inputs, outputs) in Sizes)
        {
            using var host = new HostTensors(seed: rows * 10_000 + inputs * 100 + outputs);
            Tensor x = host.Random("x", new(rows, inputs)), w = host.Random("w", new(outputs, inputs));
            float[] xs = x.HostSpan<float>().ToArray(), ws = w.HostSpan<float>().ToArray(), expected = new float[rows * outputs];
            for (int i = 0; i < expected.Length; i++)
                for (int k = 0; k < inputs; k++) expected[i] = MathF.FusedMultiplyAdd(ws[i % outputs * inputs + k], xs[i / outputs * inputs + k], expected[i]);
            Weight packed = Pack(w, WeightForm.PackedF32);
            foreach (PackedTiles tiles in all)
            {
                Tensor y = host.Empty("y", new(rows, outputs));
                PackedProducts<F32x8>.Multiply(pool, tiles, x, [packed], Into.Overwrite, [y]);
                Assert.True(y.HostSpan<float>().SequenceEqual(expected), $"{rows} × {inputs} → {outputs}, {tiles}");
            }
        }
    }

    [Fact]
    public void Supports_PackedFloat32_OnlyWhereTilesReadItUnrounded()
    {
        using var pool = new ComputePool(1);
        Assert.False(MatMulTests.Create(CpuIsa.Scalar, pool).Supports(WeightForm.PackedF32));
        CpuVariants.SkipWhereImpossible(CpuIsa.Avx2);
        Assert.True(MatMulTests.Create(CpuIsa.Avx2, pool).Supports(WeightForm.PackedF32));
        Assert.False(MatMulTests.Create(CpuIsa.Avx2, pool, ComputePrecision.Bf16).Supports(WeightForm.PackedF32));
    }

    /// <summary>Also those that the choice for this processor passes over.</summary>
    [Theory]
    [InlineData(WeightForm.BF16)]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Int4)]
    public void Multiply_WithAnyEmittedTiles_GivesTheBitsOfThePortableLoops(WeightForm form)
    {
        using var pool = new ComputePool(2);
        // Dot products of bfloat16 pairs round the inputs, and add two products at a time.
        PackedTiles[] all = [.. PackedWeights.Tiles(form).Where(tiles => form != WeightForm.BF16 || tiles.InputWords == 2)];
        if (all.Length == 0) Assert.Skip($"There are no tiles of {form.Name()} here.");
        foreach (var (rows, inputs, outputs) in Sizes)
            foreach (Into into in new[] { Into.Overwrite, Into.Add })
            {
                using var host = new HostTensors(seed: rows * 10_000 + inputs * 100 + outputs);
                Tensor x = host.Random("x", new(rows, inputs)), start = host.Random("y", new(rows, outputs)), expected = host.Copy(start);
                Weight w = Pack(host.Random("w", new(outputs, inputs)), form);
                PackedProducts<F32x8>.Multiply(pool, null, x, [w], into, [expected]);
                foreach (PackedTiles tiles in all)
                {
                    Tensor y = host.Copy(start);
                    PackedProducts<F32x8>.Multiply(pool, tiles, x, [w], into, [y]);
                    Assert.True(expected.HostSpan<float>().SequenceEqual(y.HostSpan<float>()), $"{rows} × {inputs} → {outputs}, {into}, {tiles}");
                }
                Assert.True(host.GuardsAreIntact());
            }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void ForwardShared_EqualsOneProductAMap(CpuIsa isa, WeightForm form)
    {
        using var pool = new ComputePool(2);
        MatMul op = Op(isa, pool, form);
        foreach (int rows in new[] { 0, 1, 6 })
        {
            using var host = new HostTensors(seed: rows);
            Tensor x = host.Random("x", new(rows, 66));
            Weight[] maps = [.. new[] { 40, 7, 64 }.Select(outputs => Pack(host.Random("w", new(outputs, 66)), form))];
            Tensor[] shared = [.. maps.Select(m => host.Empty("y", new(rows, m.Outputs)))],
                apart = [.. maps.Select(m => host.Empty("y", new(rows, m.Outputs)))];

            op.ForwardShared(x, maps, shared);
            for (int i = 0; i < maps.Length; i++) op.Forward(x, maps[i], Into.Overwrite, apart[i]);

            for (int i = 0; i < maps.Length; i++) Assert.Equal(apart[i].HostSpan<float>(), shared[i].HostSpan<float>());
            Assert.True(host.GuardsAreIntact());
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void ForwardGated_GivesTheBitsOfProductsAndGelu(CpuIsa isa, WeightForm form)
    {
        using var pool = new ComputePool(2);
        MatMul op = Op(isa, pool, form);
        var gelu = new GatedGeluCpu<F32x4>(pool);
        foreach (var (rows, outputs) in new[] { (0, 40), (1, 7), (6, 40), (41, 70), (1, 600) })
        {
            using var host = new HostTensors(seed: rows);
            Tensor x = host.Random("x", new(rows, 300));
            Weight gate = Pack(host.Random("gate", new(outputs, 300)), form), up = Pack(host.Random("up", new(outputs, 300)), form);
            Tensor gates = host.Empty("gates", new(rows, outputs)), ups = host.Empty("ups", new(rows, outputs)), y = host.Empty("y", new(rows, outputs));
            Assert.True(op.FusesGatedGelu(gate, up));

            op.ForwardGated(x, gate, up, y);
            op.ForwardShared(x, [gate, up], [gates, ups]);
            gelu.Forward(gates, ups, gates);

            Assert.Equal(gates.HostSpan<float>(), y.HostSpan<float>());
            Assert.True(host.GuardsAreIntact());
        }
    }

    [Fact]
    public void ForwardGated_OfMapsThatAreNotFused_SaysSo()
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        MatMul op = MatMulTests.Create(CpuIsa.Scalar, pool);
        Weight floats = new(host.Random("the.gate", new(4, 3))), packed = Pack(host.Random("the.up", new(4, 3)), WeightForm.Int8);
        Weight wide = Pack(host.Random("wide", new(5, 3)), WeightForm.Int8);
        Assert.False(op.FusesGatedGelu(packed, wide));
        var e = Assert.Throws<ArgumentException>(() =>
            op.ForwardGated(host.Random("x", new(2, 3)), floats, packed, host.Empty("y", new(2, 4))));
        Assert.Contains("got 'the.gate', 'the.up'", e.Message);
    }

    [Theory]
    [MemberData(nameof(CpuVariants.Isas), MemberType = typeof(CpuVariants))]
    public void ForwardShared_InFloat32_EqualsOneProductAMap(CpuIsa isa)
    {
        using var pool = new ComputePool(3);
        MatMul op = MatMulTests.Create(isa, pool);
        foreach (int rows in new[] { 0, 1, 5, 40 })
        {
            using var host = new HostTensors(seed: rows);
            Tensor x = host.Random("x", new(rows, 290));
            Weight[] maps = [.. new[] { 390, 7 }.Select(outputs => new Weight(host.Random("w", new(outputs, 290))))];
            Tensor[] shared = [.. maps.Select(m => host.Empty("y", new(rows, m.Outputs)))],
                apart = [.. maps.Select(m => host.Empty("y", new(rows, m.Outputs)))];
            op.ForwardShared(x, maps, shared);
            for (int i = 0; i < maps.Length; i++)
            {
                op.Forward(x, maps[i], Into.Overwrite, apart[i]);
                Assert.Equal(apart[i].HostSpan<float>(), shared[i].HostSpan<float>());
            }
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Forward_OfEdgeRows_IsZeroExactOrNaN(CpuIsa isa, WeightForm form)
    {
        using var host = new HostTensors(seed: 4);
        using var pool = new ComputePool(1);
        Tensor x = host.Random("x", new(6, 64));
        Span<float> values = x.HostSpan<float>();
        values[..64].Clear();
        foreach (ref float value in values.Slice(64, 64)) value *= 1e30f;
        // A row's scale is a 127th of its greatest value, and what is below the normal range counts as zero.
        foreach (ref float value in values.Slice(128, 64)) value *= 1e-30f;
        values[200] = float.PositiveInfinity;
        values[300] = float.NaN;
        Weight w = Pack(host.Random("w", new(20, 64)), form);
        Tensor y = host.Empty("y", new(6, 20));

        Op(isa, pool, form).Forward(x, w, Into.Overwrite, y);

        Assert.All(y.Rows(0, 1).HostSpan<float>().ToArray(), v => Assert.Equal(0, v));
        AssertClose(x.Rows(1, 2), w, Into.Overwrite, new float[40], y.Rows(1, 2), "large and small rows");
        Assert.All(y.Rows(3, 1).HostSpan<float>().ToArray(), v => Assert.False(float.IsFinite(v)));
        Assert.All(y.Rows(4, 1).HostSpan<float>().ToArray(), v => Assert.True(float.IsNaN(v)));
        AssertClose(x.Rows(5, 1), w, Into.Overwrite, new float[20], y.Rows(5, 1), "the row beside them");
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Forward_OfTheGreatestSums_DoesNotOverflow(CpuIsa isa)
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        foreach (int inputs in new[] { 512, 10_240, 140_000 })
        {
            Tensor x = host.Filled("x", new(1, inputs), 3), y = host.Empty("y", new(1, 1));
            MatMulTests.Create(isa, pool).Forward(x, Pack(host.Filled("w", new(1, inputs), -2), WeightForm.Int8), Into.Overwrite, y);
            Assert.Equal(-6.0 * inputs, y.HostSpan<float>()[0], 1e-5 * inputs);
        }
    }

    [Theory]
    [InlineData(WeightForm.F32)]
    [InlineData(WeightForm.PackedF32)]
    [InlineData(WeightForm.BF16)]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Int4)]
    public void ForwardAndShared_AfterWarmUp_AllocateNothing(WeightForm form)
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(2);
        MatMul op = Op(CpuIsas.Choose(), pool, form);
        Tensor x = host.Random("x", new(5, 32)), y = host.Empty("y", new(5, 24)), z = host.Empty("z", new(5, 24));
        Tensor values = host.Random("w", new(24, 32));
        Weight w = form == WeightForm.F32 ? new(values) : Pack(values, form);
        Step();
        Assert.Equal(0, Allocations.Of(Step));

        void Step()
        {
            op.Forward(x, w, Into.Add, y);
            op.ForwardShared(x, [w, w], [y, z]);
            if (op.FusesGatedGelu(w, w)) op.ForwardGated(x, w, w, z);
        }
    }

    [Fact]
    public void Backward_OfAPackedWeight_SaysWhatToDo()
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        Weight w = Pack(host.Random("the.w", new(4, 3)), WeightForm.Int8);
        Tensor x = host.Random("x", new(2, 3)), dy = host.Random("dy", new(2, 4));
        var e = Assert.Throws<InvalidOperationException>(() =>
            MatMulTests.Create(CpuIsa.Scalar, pool).Backward(dy, x, w, Into.Overwrite, x, host.Random("d", new(4, 3))));
        Assert.Contains("'the.w' is held as int8 alone", e.Message);
    }

    public void Dispose() => _packed.Dispose();

    static MatMul Op(CpuIsa isa, ComputePool pool, WeightForm form)
    {
        MatMul op = MatMulTests.Create(isa, pool);
        if (!op.Supports(form)) Assert.Skip($"{CpuIsas.Name(isa)} has no products with {form.Name()} weights.");
        return op;
    }

    Weight Pack(Tensor values, WeightForm form) => _packed.Pack(values, form);

    static void AssertClose(Tensor x, Weight w, Into into, float[] old, Tensor y, string what)
    {
        var (rows, inputs, outputs) = (x.Shape.D0, w.Inputs, w.Outputs);
        double[] xs = Array.ConvertAll(x.HostSpan<float>().ToArray(), v => (double)v), ws = PackedReference.Values(w.Packed!);
        double[] ax = MatMulReference.Magnitudes(xs), aw = MatMulReference.Magnitudes(ws);
        double[] expected = MatMulReference.Forward(xs, ws, rows, inputs, outputs), bounds = MatMulReference.Forward(ax, aw, rows, inputs, outputs);
        for (int i = 0; i < expected.Length; i++)
        {
            int row = i / outputs, output = i % outputs;
            double greatest = ax.AsSpan(row * inputs, inputs).ToArray().Max(), weightSum = aw.AsSpan(output * inputs, inputs).ToArray().Sum();
            // Three more roundings than a float32 sum: the two scales and their product.
            bounds[i] = (Tolerance.Sum(inputs) + 3) * Tolerance.Epsilon * (bounds[i] + greatest * weightSum + Math.Abs(into == Into.Add ? old[i] : 0))
                + PackedReference.RoundingError(w.Form, inputs, greatest, weightSum);
            if (into == Into.Add) expected[i] += old[i];
        }
        Tolerance.AssertWithin(y.HostSpan<float>(), expected, bounds, what);
    }
}
