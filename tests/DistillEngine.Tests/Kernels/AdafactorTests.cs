using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class AdafactorTests
{
    static readonly AdafactorStep Step = new(AdafactorDialect.HuggingFace, 1, 1e-2, 0.8, 1e-30, 1e-3, 1, 0, 0, false, false, false, 0);

    /// <summary>Every dialect with every option that changes its formulas.</summary>
    internal static AdafactorStep[] Variants { get; } =
    [
        Step,
        Step with { ScaleParameter = true, WeightDecay = 0.1, Clip = 0.5f },
        Step with { RelativeStep = true, ScaleParameter = true },
        Step with { RelativeStep = true, ScaleParameter = true, WarmupInit = true },
        Step with { Beta1 = 0.9, ClipThreshold = 0.5 },
        Step with { Dialect = AdafactorDialect.Optax, ScaleParameter = true },
        Step with { Dialect = AdafactorDialect.Optax, ClipThreshold = 0 },
        Step with { Dialect = AdafactorDialect.Optax, ScaleParameter = true, Beta1 = 0.9, WeightDecay = 1e-3 },
        Step with { Dialect = AdafactorDialect.Torch, Epsilon1 = 1.1920929e-7, WeightDecay = 0.1 },
    ];

    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Theory]
    [InlineData(AdafactorDialect.HuggingFace, 32, 3, false, true)]
    [InlineData(AdafactorDialect.Torch, 1, 9, false, true)]
    [InlineData(AdafactorDialect.Torch, 9, 1, true, false)]
    [InlineData(AdafactorDialect.Optax, 128, 128, false, true)]
    [InlineData(AdafactorDialect.Optax, 127, 4096, false, false)]
    [InlineData(AdafactorDialect.Optax, 4096, 1, true, false)]
    public void IsFactored_FollowsTheDialect(AdafactorDialect dialect, int rows, int width, bool isVector, bool expected) =>
        Assert.Equal(expected, Adafactor.IsFactored(dialect, new(rows, width), isVector));

    [Theory, MemberData(nameof(Isas))]
    public void Update_OfMatrices_MatchesTheOracle(CpuIsa isa)
    {
        foreach (AdafactorStep variant in Variants)
            foreach (Shape shape in (Shape[])[new(131, 129), new(70, 17), new(1, 40), new(40, 1), new(1, 1)])
                Compare(isa, variant, shape, factored: true);
    }

    [Theory, MemberData(nameof(Isas))]
    public void Update_OfVectorsAndSmallMatrices_MatchesTheOracle(CpuIsa isa)
    {
        foreach (AdafactorStep variant in Variants)
            foreach (Shape shape in (Shape[])[new(48), new(1), new(32, 3), new(5001)])
                Compare(isa, variant, shape, factored: false);
    }

    [Theory, MemberData(nameof(Isas))]
    public void Update_WithOneTwoOrThreeThreads_GivesTheSameBits(CpuIsa isa)
    {
        foreach (bool factored in (bool[])[true, false])
        {
            float[]? first = null;
            foreach (int threads in (int[])[1, 2, 3])
            {
                using var pool = new ComputePool(threads);
                using var t = new HostTensors(7);
                var shape = new Shape(300, 530);
                Tensor p = t.Random("p", shape), g = t.Random("g", shape), scratch = t.Empty("scratch", shape);
                AdafactorState state = State(t, shape, factored, moment: true);
                AdafactorStep step = Step with { ScaleParameter = true, Beta1 = 0.9, Clip = 1 };
                Create(isa, pool).Update(g, t.Filled("norm", new(1), 3), step, p, state, scratch);
                Tensor second = factored ? state.ColumnMeans : state.Squares;
                float[] all = [.. p.HostSpan<float>(), .. second.HostSpan<float>(), .. state.Moment.HostSpan<float>()];
                first ??= all;
                Assert.Equal(first, all);
            }
        }
    }

    [Theory, MemberData(nameof(Isas))]
    public void Update_WithoutAnyGradient_LeavesValuesFiniteAndInPlace(CpuIsa isa)
    {
        foreach (AdafactorStep variant in Variants.Where(v => v.WeightDecay == 0))
        {
            foreach (bool factored in (bool[])[true, false])
            {
                using var pool = new ComputePool(1);
                using var t = new HostTensors(8);
                var shape = new Shape(19, 23);
                Tensor p = t.Random("p", shape), zero = t.Filled("g", shape, 0), scratch = t.Empty("scratch", shape);
                double[] before = Doubles.Of(p);
                AdafactorState state = State(t, shape, factored, variant.Beta1 > 0);
                Create(isa, pool).Update(zero, t.Filled("norm", new(1), 0), variant, p, state, scratch);
                Assert.Equal(before, Doubles.Of(p));
            }
        }
    }

    [Theory, MemberData(nameof(Isas))]
    public void Update_OfATallMatrix_KeepsColumnMeansExact(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        using var t = new HostTensors(9);
        var shape = new Shape(40_000, 3);
        Tensor p = t.Random("p", shape), g = t.Random("g", shape), scratch = t.Empty("scratch", shape);
        AdafactorState state = State(t, shape, factored: true, moment: false);
        Create(isa, pool).Update(g, t.Filled("norm", new(1), 1), Step, p, state, scratch);
        var oracle = AdafactorReference.Start(40_000, 3, factored: true, moment: false);
        AdafactorReference.Update(Doubles.Of(g), 1, Step, new double[120_000], 3, oracle);
        double c = Tolerance.Epsilon * (Tolerance.Sum(32) + Tolerance.Elementwise);
        Tolerance.AssertWithin(state.ColumnMeans.HostSpan<float>(), oracle.ColumnMeans, Doubles.Scale(c, oracle.ColumnMeans!), "column means");
    }

    [Fact]
    public void Update_WithFullSquaresBesideMeans_Throws()
    {
        using var pool = new ComputePool(1);
        using var t = new HostTensors(10);
        var shape = new Shape(4, 4);
        Tensor p = t.Filled("p", shape, 1);
        AdafactorState both = State(t, shape, factored: true, moment: false) with { Squares = p };
        var e = Assert.Throws<ArgumentException>(() => Create(CpuIsa.Scalar, pool).Update(p, t.Filled("norm", new(1), 1), Step, p, both, p));
        Assert.Contains("adafactor.update", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-1)]
    [InlineData(double.PositiveInfinity)]
    public void Update_WithAnImpossibleRateOrClip_NamesIt(double number)
    {
        using var pool = new ComputePool(1);
        using var t = new HostTensors(10);
        var shape = new Shape(4, 4);
        Tensor p = t.Filled("p", shape, 1), norm = t.Filled("norm", new(1), 1);
        AdafactorState state = State(t, shape, factored: true, moment: Step.Beta1 > 0);
        Fails("adafactor.update: expected a finite learning rate of at least 0", Step with { LearningRate = number });
        Fails("adafactor.update: expected a finite clip threshold of at least 0", Step with { ClipThreshold = number });
        Fails("adafactor.update: expected a finite clip of at least 0", Step with { Clip = (float)number });

        void Fails(string expected, AdafactorStep step) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => Create(CpuIsa.Scalar, pool).Update(p, norm, step, p, state, p)).Message);
    }

    static void Compare(CpuIsa isa, AdafactorStep variant, Shape shape, bool factored)
    {
        using var pool = new ComputePool(2);
        AgreesWithTheOracle(Create(isa, pool), variant, shape, factored);
    }

    internal static void AgreesWithTheOracle(Adafactor op, AdafactorStep variant, Shape shape, bool factored)
    {
        using var t = new HostTensors(shape.D0);
        int width = shape.D1;
        Tensor p = t.Random("p", shape, 0.5), scratch = t.Empty("scratch", shape), norm = t.Filled("norm", new(1), 2.5f);
        AdafactorState state = State(t, shape, factored, variant.Beta1 > 0);
        double[] value = Doubles.Of(p);
        var oracle = AdafactorReference.Start(shape.D0, width, factored, variant.Beta1 > 0);
        const int Steps = 3;
        for (int k = 1; k <= Steps; k++)
        {
            Tensor g = t.Random("g", shape, Math.Pow(10, 1 - k));
            // As the rows of words that a batch lacks.
            if (shape.D0 > 40) g.First(9).HostSpan<float>().Clear();
            AdafactorStep step = variant with { Step = k };
            op.Update(g, norm, step, p, state, scratch);
            AdafactorReference.Update(Doubles.Of(g), 2.5, step, value, width, oracle);
        }
        // Updates are clipped to a root mean square of about 1, but single elements may reach the root of the row's length.
        double c = Tolerance.Epsilon * Steps * (Tolerance.Sum(Math.Max(shape.D0, width)) + Tolerance.Elementwise);
        double reach = Step.LearningRate * Math.Sqrt(Math.Max(shape.D0, width));
        Tolerance.AssertWithin(p.HostSpan<float>(), value, [.. value.Select(x => c * (Math.Abs(x) + reach))], $"{variant}, {shape}");
        Assert.True(t.GuardsAreIntact());
    }

    static AdafactorState State(HostTensors t, Shape shape, bool factored, bool moment) => new(
        factored ? t.Filled("rows", new(shape.D0), 0) : default, factored ? t.Filled("columns", new(shape.D1), 0) : default,
        factored ? default : t.Filled("squares", shape, 0), moment ? t.Filled("moment", shape, 0) : default);

    static Adafactor Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<Adafactor>(isa, () => new AdafactorCpu<F32x1>(pool),
        () => new AdafactorCpu<F32x4>(pool), () => new AdafactorCpu<F32x8>(pool), () => new AdafactorCpu<F32x16>(pool));
}
