using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Tests.Kernels;
using DistillEngine.Tests.Verification;
using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The device kernels on ILGPU's emulator, at shapes that take seconds.</summary>
public class EmulatorTests
{
    const int Count = 1000;

    public static TheoryData<string> Cases => [.. DeviceOpCases.All.Keys];

    [Theory, MemberData(nameof(Cases))]
    public void Op_OnTheEmulator_AgreesWithItsOracle(string name)
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        DeviceOpCases.All[name](new Mirror(backend).Kernels);
    }

    public static TheoryData<string, bool, int, int> Reductions
    {
        get
        {
            var data = new TheoryData<string, bool, int, int>();
            foreach (string name in (string[])["rms_norm", "gradient_norm", "adafactor", "linear_cross_entropy", "next_token"])
                foreach (var (hasShuffles, warpSize, warps) in ((bool, int, int)[])[(false, 4, 2), (true, 2, 4), (true, 4, 2), (true, 8, 1)])
                    data.Add(name, hasShuffles, warpSize, warps);
            return data;
        }
    }

    [Theory, MemberData(nameof(Reductions))]
    public void Op_ThatReduces_AgreesForEveryWidthOfWarps(string name, bool hasShuffles, int warpSize, int warps)
    {
        using var backend = new GpuBackend("emulated", GpuDevices.OpenEmulated(isEmulator: true, hasShuffles, warpSize, warps));
        DeviceOpCases.All[name](new Mirror(backend).Kernels);
    }

    [Theory]
    [InlineData(false, 4, 1)]
    [InlineData(true, 2, 2)]
    public void Attention_OfDecodedTokens_AgreesForEveryWidthOfWarps(bool hasShuffles, int warpSize, int warps)
    {
        using var backend = new GpuBackend("emulated", GpuDevices.OpenEmulated(isEmulator: true, hasShuffles, warpSize, warps));
        AttentionTests.AgreeWithTheOracle(new(4, AttentionTests.CacheSpans, 2, 9, Masking.Causal, bidirectional: false, 0.1f),
            [("device", new Mirror(backend).Kernels.Attention)]);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(132)]
    public void AttentionBackward_OfManyQueries_HasTheSameBitsForAnyNumberOfGroups(int headWidth)
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        Attention op = new Mirror(backend).Kernels.Attention;
        const int Queries = 37;
        // Beside another, a sequence has one group; alone, it has two. The other's gradients are zeros.
        using var problem = new AttentionProblem(12, AttentionProblem.SelfSpans(Queries, 1), 1, headWidth, Masking.None, bidirectional: true, 0.1f);
        problem.Dy.Rows(Queries + 1, 1).HostSpan<float>().Clear();
        AttentionProblem.Results beside = problem.ForwardAndBackward(op);
        using var alone = new HostTensors(1);
        Tensor dq = alone.Empty("dq", problem.Q.Shape), dk = alone.Empty("dk", problem.K.Shape), dv = alone.Empty("dv", problem.V.Shape);
        Tensor dTable = alone.Filled("dTable", problem.Bias.Table.Shape, 1), partials = alone.Empty("partials", new(1, problem.Bias.Table.Shape.D0));
        op.Backward(problem.Dy, problem.Q, problem.K, problem.V, beside.Y, beside.LogSumExp, problem.SpanTensor.First(1), 1, Masking.None, problem.Bias,
            problem.Dropout, dq, dk, dv, dTable, partials);
        Assert.Equal(beside.DTable.HostSpan<float>(), dTable.HostSpan<float>());
        Assert.Equal(beside.Dq.First(Queries).HostSpan<float>(), dq.First(Queries).HostSpan<float>());
    }

    [Fact]
    public void Model_WithHeadsWiderThanTheDeviceTakes_IsRefusedWithTheWidthExpected()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        T5Config config = T5Presets.Find("tiny")! with { DKv = 260 };
        ArgumentException e = Assert.Throws<ArgumentException>(() => new T5Model(config, BatchLimits.Full(1, 2, 2), backend, training: false));
        Assert.Contains("heads of width 260 (d_kv); at most 256 is expected", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("models/shortest")]
    [InlineData("models/buckets")]
    public void Verify_OnTheEmulator_PassesEveryCheck(string name) => PassesEveryCheck(GoldenCopy.Repository, name);

    [Fact]
    public void Verify_OfMt5OnTheEmulator_PassesEveryCheck() => PassesEveryCheck(GoldenCopy.Shared, "models/mt5");

    [Fact]
    public void Download_WhileTheCollectorMovesArrays_FillsTheCallersArray()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        using DeviceBuffer buffer = backend.Allocate(Count * sizeof(float), "source");
        var source = new Tensor(buffer, 0, new(Count), DType.F32, "source");
        float[] expected = [.. Enumerable.Range(0, Count)];
        backend.Upload<float>(expected, source);
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested) GC.Collect(0, GCCollectionMode.Forced, blocking: true, compacting: true);
        });
        collector.Start();
        try
        {
            for (int i = 0; i < 2000; i++)
            {
                _ = new byte[i]; // Leaves a gap, so that the next array moves when it is collected.
                float[] host = new float[Count];
                backend.Download<float>(source, host);
                Assert.Equal(expected, host);
            }
        }
        finally
        {
            stop.Cancel();
            collector.Join();
        }
    }

    [Fact]
    public void Embedding_OfABf16Table_IsRefused()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        using DeviceBuffer buffer = backend.Allocate(1024, "tensors");
        Tensor table = new(buffer, 0, new(4, 8), DType.BF16, "the.table"), ids = new(buffer, 16, new(2), DType.I32, "ids");
        var y = new Tensor(buffer, 64, new(2, 8), DType.F32, "y");
        Assert.False(backend.Kernels.Embedding.Supports(DType.BF16));
        ArgumentException e = Assert.Throws<ArgumentException>(() => backend.Kernels.Embedding.Forward(ids, table, y));
        Assert.Contains("embedding.forward: expected 'the.table' in a type that this device has, got BF16", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void View_OfElementsOfAnotherSize_IsRefused()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        using DeviceBuffer buffer = backend.Allocate(64, "tensors");
        var halves = new Tensor(buffer, 0, new(32), DType.BF16, "halves");
        ArgumentException e = Assert.Throws<ArgumentException>(() => backend.Device.View<float>(halves));
        Assert.Contains("'halves' holds BF16 of 2 bytes an element, got Single of 4", e.Message, StringComparison.Ordinal);
        Assert.Equal(32, backend.Device.View<ushort>(halves).Length);
    }

    [Fact]
    public void Dropout_OfAnInactiveSiteInPlace_TouchesNothing()
    {
        // A number that no product leaves as it is.
        uint[] signalling = [0x7f80_0001, 0x7f80_0001], got = new uint[2];
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        using DeviceBuffer buffer = backend.Allocate(128, "tensors");
        Tensor x = new(buffer, 0, new(1, 2), DType.F32, "x"), keys = new(buffer, 16, new(1), DType.I32, "keys");
        backend.Upload<uint>(signalling, x);
        backend.Kernels.Dropout.Forward(x, keys, DropoutSite.None, x);
        backend.Download<uint>(x, got);
        Assert.Equal(signalling, got);
    }

    [Fact]
    public void LinearCrossEntropy_WhoseScratchHoldsLogits_TakesThemFromThere()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        LinearCrossEntropyTests.TakesKeptLogitsWhereToldTo(new Mirror(backend).Kernels.LinearCrossEntropy, vocabulary: 40);
        LinearCrossEntropyTests.TakesKeptLogitsWhereToldTo(new Mirror(backend).Kernels.LinearCrossEntropy, vocabulary: 1025);
    }

    static void PassesEveryCheck(string folder, string name)
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        using var copy = new GoldenCopy(folder, name);
        var results = new List<CheckResult>();
        GoldenRunner.Run([copy.PathOf("")], null, backend, results.Add, TestContext.Current.CancellationToken);
        Assert.NotEmpty(results);
        Assert.All(results, r => Assert.True(r.Pass is null or true, r.ToString()));
    }
}
