using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Kernels;
using ILGPU.Runtime;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>Ops at every size of their groups, chosen by made-up times: eight threads of the emulator make three sizes.</summary>
public sealed class GroupSizeTests : IDisposable
{
    const string Device = "Made-up 3000";
    const int Sizes = 3, WarpSize = 2, Warps = 4;

    readonly string _folder = Directory.CreateTempSubdirectory("distill-sizes-").FullName;

    string FilePath => Path.Combine(_folder, "tuning.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string, int, bool> Cases
    {
        get
        {
            var data = new TheoryData<string, int, bool>();
            foreach (string name in DeviceOpCases.All.Keys.Where(name => name != "matmul"))
                for (int size = 0; size < Sizes; size++) data.Add(name, size, size != 1);
            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Op_AtEverySize_AgreesWithItsOracleThoughCandidatesRanOnItsArguments(string name, int size, bool hasShuffles)
    {
        int measured = 0;
        using GpuBackend backend = Open(size, hasShuffles, () => measured++);
        DeviceOpCases.All[name](new Mirror(backend).Kernels);
        Assert.NotEqual(0, measured);
        Assert.Equal(0, measured % Sizes);
    }

    public static TheoryData<string> Summing => [.. Outputs.Keys];

    [Theory, MemberData(nameof(Summing))]
    public void Op_ThatSums_HasTheSameBitsAtEverySize(string name)
    {
        foreach (bool hasShuffles in (bool[])[true, false])
        {
            double[][] results = [.. Enumerable.Range(0, Sizes).Select(size =>
            {
                using GpuBackend backend = Open(size, hasShuffles, () => { });
                using var tensors = new HostTensors(7);
                return Outputs[name](new Mirror(backend).Kernels, tensors);
            })];
            Assert.All(results, result => Assert.Equal(results[0].Select(BitConverter.DoubleToInt64Bits), result.Select(BitConverter.DoubleToInt64Bits)));
        }
    }

    [Fact]
    public void Choice_OfASize_IsKeptByOpAndClassOfShapes()
    {
        using (GpuBackend backend = Open(2, hasShuffles: true, () => { }))
            RmsNormTests.ForwardAgrees(new Mirror(backend).Kernels.RmsNorm, 17);
        var file = new TuningFile(FilePath, _ => { });
        Assert.Contains("rms_norm.forward f32", File.ReadAllText(FilePath), StringComparison.Ordinal);
        string[] keys = [.. Enumerable.Range(0, 8).Select(rows => $"rms_norm.forward f32 {1 << rows} x 32 x 1")
            .Where(key => file.Find(Device, key) is not null)];
        Assert.Equal("2", file.Find(Device, Assert.Single(keys)));
    }

    [Fact]
    public void Launch_OfAClassThatWasMeasured_MeasuresNoMore()
    {
        int measured = 0;
        using GpuBackend backend = Open(1, hasShuffles: true, () => measured++);
        var kernels = new Mirror(backend).Kernels;
        ReluTests.EqualsTheOracle(kernels.Relu, 17);
        int first = measured;
        Assert.NotEqual(0, first);
        ReluTests.EqualsTheOracle(kernels.Relu, 17);
        Assert.Equal(first, measured);
    }

    [Fact]
    public void Launch_WithoutMemoryForWhatATrialSpoils_TakesTheUsualSize()
    {
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true, WarpSize, Warps);
        gpu.Tuner = new(Device, new TuningFile(FilePath, _ => { }), _ => throw new InvalidOperationException("nothing can be measured"));
        TunedKernel<Action<AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, float>> fill =
            gpu.Tuned<Action<AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, float>>("fill", GpuBackend.FillElements);
        using MemoryBuffer memory = gpu.AllocateRaw(64, "result");
        ILGPU.ArrayView<float> to = new(memory, 0, 16), endless = new(memory, 0, 1L << 58);
        fill.Run(LaunchGrid.OfElements(16), to, static (kernel, stream, grid, view) => kernel(stream, grid, view, 3), endless);
        float[] got = new float[16];
        gpu.Stream.Synchronize();
        to.CopyToCPU(got);
        Assert.All(got, value => Assert.Equal(3, value));
        Assert.False(File.Exists(FilePath));
    }

    static readonly Dictionary<string, Func<KernelSet, HostTensors, double[]>> Outputs = new()
    {
        ["rms_norm"] = (ops, t) =>
        {
            var shape = new Shape(3, 29);
            Tensor x = t.Random("x", shape, 1), dy = t.Random("dy", shape, 1), weight = t.Random("weight", new(29), 1), y = t.Filled("y", shape, 0);
            Tensor inverses = t.Filled("inverses", new(3), 0), dx = t.Filled("dx", shape, 0), dWeight = t.Filled("dWeight", new(29), 0);
            ops.RmsNorm.Forward(x, weight, 1e-6f, y, inverses);
            ops.RmsNorm.Backward(dy, x, weight, inverses, Into.Overwrite, dx, dWeight);
            return [.. Doubles.Of(y), .. Doubles.Of(inverses), .. Doubles.Of(dx), .. Doubles.Of(dWeight)];
        },
        ["gradient_norm"] = (ops, t) => [GradientNormTests.Norm(t, ops.GradientNorm, t.Random("gradients", new(1, 37), 1))],
        ["linear_cross_entropy"] = (ops, t) =>
        {
            using var run = new LinearCrossEntropyTests.Run(ops.LinearCrossEntropy, rows: 3, width: 5, vocabulary: 37, scale: 1, deviation: 2);
            return [.. run.Results.SelectMany(values => values)];
        },
        ["adafactor, factored"] = (ops, t) => Updated(ops.Adafactor, t, shape => new(t.Filled("rows", new(shape.D0), 0), t.Filled("columns", new(shape.D1), 0),
            default, t.Filled("moment", shape, 0))),
        ["adafactor, not factored"] = (ops, t) => Updated(ops.Adafactor, t, shape => new(default, default, t.Filled("squares", shape, 0),
            t.Filled("moment", shape, 0))),
        ["attention"] = (ops, t) =>
        {
            using var problem = new AttentionProblem(2, AttentionProblem.SelfSpans(1, 5, 17), 2, 8, Masking.Causal, bidirectional: false, 0.2f);
            AttentionProblem.Results got = problem.ForwardAndBackward(ops.Attention);
            return [.. new[] { got.Y, got.LogSumExp, got.Dq, got.Dk, got.Dv, got.DTable }.SelectMany(Doubles.Of)];
        },
    };

    static double[] Updated(Adafactor op, HostTensors t, Func<Shape, AdafactorState> state)
    {
        var shape = new Shape(19, 21);
        Tensor p = t.Random("p", shape, 0.5), g = t.Random("g", shape, 1), scratch = t.Empty("scratch", shape), norm = t.Filled("norm", new(1), 2.5f);
        AdafactorState of = state(shape);
        AdafactorStep step = AdafactorTests.Variants.First(variant => variant.Beta1 > 0 && variant.ClipThreshold > 0) with { Step = 2 };
        op.Update(g, norm, step, p, of, scratch);
        op.Update(g, norm, step, p, of, scratch);
        return Doubles.Of(p);
    }

    GpuBackend Open(int size, bool hasShuffles, Action onMeasured)
    {
        var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles, WarpSize, Warps);
        int count = 0;
        return new("emulated", gpu, new()
        {
            Tuner = new(Device, new TuningFile(FilePath, _ => { }), launch =>
            {
                // Twice, as a stopwatch does: what a launch both reads and writes would show.
                launch();
                launch();
                onMeasured();
                return count++ % Sizes == size ? 1 : 2;
            }),
        });
    }
}
