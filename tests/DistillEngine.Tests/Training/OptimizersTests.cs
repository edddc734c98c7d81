using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

public class OptimizersTests
{
    static readonly OptimizerOptions Rated = new() { LearningRate = 1e-2 };

    public static TheoryData<string> Names => [.. Optimizers.Names];

    public static TheoryData<OptimizerOptions, string> BadOptions => new()
    {
        { Rated with { Name = "lion" }, "adafactor-optax" },
        { Rated with { Name = "adamw", LearningRate = null }, "learning rate" },
        { Rated with { Name = "adamw", Epsilon1 = 1e-30 }, "Epsilon1" },
        { Rated with { Name = "adamw", RelativeStep = true }, "RelativeStep" },
        { Rated with { Name = "adamw", Beta1 = 1 }, "Beta1" },
        { Rated with { Name = "adamw-hf", Epsilon = 0 }, "Epsilon" },
        { Rated with { Name = "adamw", WeightDecay = -1 }, "WeightDecay" },
        { Rated with { Name = "adamw", LearningRate = double.PositiveInfinity }, "learning rate" },
        { Rated with { Name = "adafactor", RelativeStep = true }, "RelativeStep" },
        { Rated with { Name = "adafactor", RelativeStep = false, LearningRate = null }, "RelativeStep" },
        { Rated with { Name = "adafactor", WarmupInit = true }, "WarmupInit" },
        { Rated with { Name = "adafactor", Beta2 = 0.9 }, "Beta2" },
        { Rated with { Name = "adafactor", ClipThreshold = 0 }, "ClipThreshold" },
        { Rated with { Name = "adafactor", DecayRate = -0.8 }, "DecayRate" },
        { Rated with { Name = "adafactor", Epsilon1 = 0 }, "Epsilon1" },
        { Rated with { Name = "adafactor-optax", LearningRate = null }, "learning rate" },
        { Rated with { Name = "adafactor-optax", Epsilon2 = 1e-3 }, "Epsilon2" },
        { Rated with { Name = "adafactor-optax", RelativeStep = true }, "RelativeStep" },
        { Rated with { Name = "adafactor-torch", Beta1 = 0.9 }, "Beta1" },
        { Rated with { Name = "adafactor-torch", ScaleParameter = false }, "ScaleParameter" },
        { Rated with { Name = "adafactor-torch", ClipThreshold = 0.5 }, "ClipThreshold" },
    };

    [Theory, MemberData(nameof(BadOptions))]
    public void Validate_WhenOptionsAreBad_SaysWhichOne(OptimizerOptions options, string word)
    {
        var e = Assert.Throws<ArgumentException>(() => Optimizers.Validate(options));
        Assert.Contains(word, e.Message, StringComparison.Ordinal);
        Assert.Contains(options.Name, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_OfAdafactorWithoutRate_UsesNoSchedule()
    {
        using var setup = new Setup();
        using IOptimizer relative = setup.Create(new OptimizerOptions { Name = "adafactor", WarmupInit = true });
        using IOptimizer constant = setup.Create(new OptimizerOptions { Name = "adafactor", LearningRate = 1e-3 });
        Assert.False(relative.UsesSchedule);
        Assert.True(constant.UsesSchedule);
    }

    [Theory, MemberData(nameof(Names))]
    public void Apply_AfterTheState_IsRestored_ContinuesWithTheSameBits(string name)
    {
        OptimizerOptions options = Rated with { Name = name, WeightDecay = 0.1, Beta1 = name == "adafactor-torch" ? null : 0.9 };
        using var straight = new Setup();
        using IOptimizer whole = straight.Create(options);
        for (int step = 1; step <= 6; step++) straight.Step(whole, step);

        using var resumed = new Setup();
        using IOptimizer first = resumed.Create(options);
        for (int step = 1; step <= 3; step++) resumed.Step(first, step);
        using IOptimizer second = resumed.Create(options);
        foreach (var (saved, target) in first.State.Zip(second.State))
        {
            Assert.Equal(saved.Name, target.Name);
            saved.Tensor.HostSpan<float>().CopyTo(target.Tensor.HostSpan<float>());
        }
        second.StepCount = first.StepCount;
        for (int step = 4; step <= 6; step++) resumed.Step(second, step);

        Assert.Equal(straight.Values(), resumed.Values());
        Assert.Equal(6, second.StepCount);
    }

    [Theory, MemberData(nameof(Names))]
    public void State_NamesEveryTensorOnce_WithinTheBytesStated(string name)
    {
        using var setup = new Setup();
        using IOptimizer optimizer = setup.Create(Rated with { Name = name });
        (string Name, Tensor Tensor)[] state = [.. optimizer.State];
        Assert.Equal(state.Length, state.Select(s => s.Name).Distinct().Count());
        Assert.All(setup.Parameters.Specs, spec => Assert.Contains(state, s => s.Name.StartsWith($"{spec.Name}.exp_avg", StringComparison.Ordinal)));
        Assert.All(state, s => Assert.All(s.Tensor.HostSpan<float>().ToArray(), v => Assert.Equal(0, v)));
        Assert.InRange(state.Sum(s => s.Tensor.Count) * sizeof(float), 1, optimizer.StateBytes);
    }

    [Fact]
    public void State_OfOptax_FactorsOnlyLargeMatrices()
    {
        using var setup = new Setup();
        using IOptimizer optimizer = setup.Create(Rated with { Name = "adafactor-optax" });
        string[] factored = [.. optimizer.State.Select(s => s.Name).Where(n => n.EndsWith("_row", StringComparison.Ordinal))];
        Assert.Equal([$"{Setup.Matrix}.exp_avg_sq_row"], factored);
    }

    [Theory, MemberData(nameof(Names))]
    public void Apply_WithWeightDecay_ReachesNormsAndBiasTablesOnlyWhenAsked(string name)
    {
        foreach (bool decayNorms in (bool[])[false, true])
        {
            using var setup = new Setup();
            using IOptimizer optimizer = setup.Create(Rated with { Name = name, WeightDecay = 0.5, DecayNorms = decayNorms });
            float[][] before = [.. setup.Parameters.Specs.Select((_, i) => setup.Parameters.Value(new(i)).HostSpan<float>().ToArray())];
            setup.Parameters.AllGradients.HostSpan<float>().Clear();
            optimizer.Apply(setup.Norm, 1e-2, 0);
            for (int i = 0; i < before.Length; i++)
            {
                string parameter = setup.Parameters.Specs[i].Name;
                bool moved = !before[i].AsSpan().SequenceEqual(setup.Parameters.Value(new(i)).HostSpan<float>());
                Assert.True(moved == (decayNorms || parameter is Setup.Matrix or Setup.Small), $"{name}, {parameter}");
            }
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Apply_AfterTheFirst_AllocatesNothing(string name)
    {
        using var setup = new Setup();
        using IOptimizer optimizer = setup.Create(Rated with { Name = name, WeightDecay = 0.1 });
        optimizer.Apply(setup.Norm, 1e-2, 1);
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 10; i++) optimizer.Apply(setup.Norm, 1e-2, 1);
        }));
    }

    [Fact]
    public void Create_OverAStoreWithoutGradients_Throws()
    {
        using var pool = new ComputePool(1);
        using var device = new HostDevice(CpuIsa.Scalar, pool);
        var list = new ParameterList();
        list.Ones("norm.weight", new(4));
        using var parameters = new ParameterStore(list.Specs, device, training: false);
        foreach (string name in Optimizers.Names)
            Assert.Throws<InvalidOperationException>(() => Optimizers.Create(Rated with { Name = name }, parameters, device.Kernels, device));
    }

    /// <summary>A matrix that all dialects factor, a small one, a norm and a bias table, with random values and gradients.</summary>
    sealed class Setup : IDisposable
    {
        public const string Matrix = "shared.weight";
        public const string Small = "encoder.block.0.layer.0.SelfAttention.q.weight";
        readonly ComputePool _pool = new(2);
        readonly HostDevice _device;
        readonly HostBuffer _norm = new(sizeof(float), "norm");

        public Setup()
        {
            _device = new HostDevice(CpuIsa.Vector256, _pool);
            var list = new ParameterList();
            list.Normal(Matrix, new(130, 128), 1);
            list.Normal("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", new(32, 3), 1);
            list.Ones("encoder.block.0.layer.0.layer_norm.weight", new(21));
            list.Normal(Small, new(12, 21), 1);
            Parameters = new ParameterStore(list.Specs, _device, training: true);
            Fill(new Random(1), values: true);
            Norm.HostSpan<float>()[0] = 2;
        }

        public ParameterStore Parameters { get; }

        public Tensor Norm => new(_norm, 0, new(1), DType.F32, "norm");

        public IOptimizer Create(OptimizerOptions options) => Optimizers.Create(options, Parameters, _device.Kernels, _device);

        public void Step(IOptimizer optimizer, int step)
        {
            Fill(new Random(step), values: false);
            optimizer.Apply(Norm, 1e-2 / step, 1);
        }

        public float[] Values() => Parameters.AllValues.HostSpan<float>().ToArray();

        public void Dispose()
        {
            Parameters.Dispose();
            _norm.Dispose();
            _device.Dispose();
            _pool.Dispose();
        }

        void Fill(Random random, bool values)
        {
            for (int i = 0; i < Parameters.Specs.Count; i++)
            {
                Tensor tensor = values ? Parameters.Value(new(i)) : Parameters.Gradient(new(i));
                foreach (ref float element in tensor.HostSpan<float>()) element = random.NextSingle() - 0.5f;
            }
        }
    }
}
