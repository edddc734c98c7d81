using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The choice among kernels, by made-up times.</summary>
public sealed class TunerTests : IDisposable
{
    const string Device = "Made-up 3000; CUDA 12.4; SM_80, 3 multiprocessors";

    static readonly string[] Candidates = ["large", "medium", "small"];
    static readonly TuningKey Key = TuningKey.Of("forward", "bf16", 100, 512, 2048);

    readonly string _folder = Directory.CreateTempSubdirectory("distill-tuning-").FullName;
    readonly List<string> _reports = [];
    readonly List<int> _launches = [];

    string FilePath => Path.Combine(_folder, "cache", "tuning.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Choose_OfANewClass_MeasuresEachOnceAndTakesTheFastest()
    {
        Tuner tuner = Create(3, 1, 2);
        Assert.False(tuner.TryGet(Key, out _));
        Assert.Equal(1, tuner.Choose(Key, Candidates, _launches.Add));
        Assert.Equal([0, 1, 2], _launches);
        Assert.True(tuner.TryGet(Key, out int kept));
        Assert.Equal(1, kept);
    }

    [Fact]
    public void Choose_OfEqualTimes_TakesTheFirst() => Assert.Equal(0, Create(2, 2, 2).Choose(Key, Candidates, _launches.Add));

    [Fact]
    public void Choose_WithACandidateThatMustNotBeTaken_LeavesItOutAndSaysWhy()
    {
        Assert.Equal(2, Create(3, 1).Choose(Key, Candidates, _launches.Add, i => i == 1 ? "it errs" : null));
        Assert.Equal([0, 2], _launches);
        Assert.Equal(["forward bf16 128 x 512 x 2048: medium is left out on this device: it errs."], _reports);
    }

    [Fact]
    public void Choose_WithoutMemoryToMeasureACandidate_ServesThisRunAloneAndSaysSo()
    {
        const string Report = "forward bf16 128 x 512 x 2048: there is no memory to measure small in; the choice among the others serves this run and is not kept.";
        string? Full(int i) => i == 2 ? throw new InsufficientMemoryException("full") : null;
        string? FullOnLoading(int i) => i == 2 ? throw new DeviceException("full") { IsLackOfMemory = true } : null;
        Tuner tuner = Create(3, 2);
        Assert.Equal(1, tuner.Choose(Key, Candidates, _launches.Add, Full));
        Assert.True(tuner.TryGet(Key, out int choice));
        Assert.Equal(1, choice);
        Assert.Equal(1, Create(3, 2).Choose(Key, Candidates, _launches.Add, FullOnLoading));
        Assert.Equal([Report, Report], _reports);
        Assert.False(File.Exists(FilePath));
        Assert.Equal(2, Create(3, 2, 1).Choose(Key, Candidates, _launches.Add, _ => null));
        Assert.Equal("small", new TuningFile(FilePath, _reports.Add).Find(Device, Key.ToString()));
    }

    [Fact]
    public void Choose_OfWhatAnEarlierRunKept_MeasuresNothing()
    {
        Create(3, 2, 1).Choose(Key, Candidates, _launches.Add);
        _launches.Clear();
        Assert.Equal(2, Create().Choose(Key, Candidates, _launches.Add));
        Assert.Empty(_launches);
        Assert.Empty(_reports);
    }

    [Fact]
    public void Choose_OnAnotherDeviceOrDriver_MeasuresAnew()
    {
        Create(3, 2, 1).Choose(Key, Candidates, _launches.Add);
        Assert.Equal(0, Create("Made-up 3000; CUDA 13.0; SM_80, 3 multiprocessors", 1, 2, 3).Choose(Key, Candidates, _launches.Add));
        Assert.Equal(2, Create().Choose(Key, Candidates, _launches.Add));
    }

    [Fact]
    public void Choose_OfAKernelThatIsNoMore_MeasuresAnew()
    {
        Create(3, 2, 1).Choose(Key, Candidates, _launches.Add);
        Assert.Equal(1, Create(2, 1).Choose(Key, ["large", "medium"], _launches.Add));
    }

    [Fact]
    public void Choose_AfterAnotherProcessWrote_KeepsBoth()
    {
        TuningKey other = Key with { Op = "backward-input" };
        Tuner first = Create(3, 2, 1);
        first.Choose(Key with { Depth = 1 }, Candidates, _launches.Add);
        Create(1, 2, 3).Choose(other, Candidates, _launches.Add);
        Tuner third = Create(1, 2, 3);
        third.Choose(Key, Candidates, _launches.Add);
        _launches.Clear();
        Tuner reader = Create();
        Assert.Equal(0, reader.Choose(other, Candidates, _launches.Add));
        Assert.Equal(0, reader.Choose(Key, Candidates, _launches.Add));
        Assert.Empty(_launches);
        // Nothing that was written on the way stays.
        Assert.Equal([FilePath], Directory.GetFiles(Path.GetDirectoryName(FilePath)!));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[1, 2]")]
    [InlineData("""{"format": "distill.tuning/2", "devices": {}}""")]
    [InlineData("""{"format": "distill.tuning/1"}""")]
    [InlineData("""{"format": "distill.tuning/1", "devices": null}""")]
    [InlineData("""{"format": "distill.tuning/1", "devices": {"Made-up 3000; CUDA 12.4; SM_80, 3 multiprocessors": null}}""")]
    [InlineData("""{"format": "distill.tuning/1", "devices": {"Made-up 3000; CUDA 12.4; SM_80, 3 multiprocessors": {"forward bf16 128 x 512 x 2048": 7}}}""")]
    [InlineData("notes of somebody")]
    public void File_ThatIsNone_IsReportedOnceAndLeft(string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
        File.WriteAllText(FilePath, text);
        Tuner tuner = Create(3, 1, 2, 3, 1, 2);
        Assert.Equal(1, tuner.Choose(Key, Candidates, _launches.Add));
        Assert.Equal(1, tuner.Choose(Key with { Rows = 1 }, Candidates, _launches.Add));
        string report = Assert.Single(_reports);
        Assert.StartsWith($"{FilePath}: it is not a", report, StringComparison.Ordinal);
        Assert.Contains("It is left as it is", report, StringComparison.Ordinal);
        Assert.EndsWith("delete it, or set DISTILL_TUNING to a file that can be written.", report, StringComparison.Ordinal);
        Assert.Equal(text, File.ReadAllText(FilePath));
        Assert.Equal([FilePath], Directory.GetFiles(Path.GetDirectoryName(FilePath)!));
    }

    [Fact]
    public void File_ThatIsEmpty_IsANewOne()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
        File.WriteAllText(FilePath, "");
        Assert.Equal(1, Create(3, 1, 2).Choose(Key, Candidates, _launches.Add));
        Assert.Empty(_reports);
        Assert.Equal("medium", new TuningFile(FilePath, _reports.Add).Find(Device, Key.ToString()));
    }

    [Fact]
    public void File_ThatIsAFolder_IsRefusedByItsNameAndNothingIsWritten()
    {
        foreach (string path in (string[])[_folder, "/", Path.Combine(_folder, "new") + Path.DirectorySeparatorChar])
        {
            InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => TuningFile.Named("cuda:0", path));
            Assert.StartsWith($"cuda:0: DISTILL_TUNING is '{path}', which is a folder, expected a file.", e.Message, StringComparison.Ordinal);
        }
        // One that became a folder since.
        Directory.CreateDirectory(FilePath);
        Create(3, 1, 2).Choose(Key, Candidates, _launches.Add);
        Assert.StartsWith($"{FilePath}: it cannot be written", Assert.Single(_reports), StringComparison.Ordinal);
        Assert.Equal([FilePath], Directory.GetFileSystemEntries(Path.GetDirectoryName(FilePath)!));
    }

    [Fact]
    public void File_ThatCannotBeWritten_IsReportedOnceAndTheChoiceStands()
    {
        File.WriteAllText(Path.Combine(_folder, "cache"), "a file where the folder is to be");
        Tuner tuner = Create(3, 1, 2, 3, 1, 2);
        Assert.Equal(1, tuner.Choose(Key, Candidates, _launches.Add));
        Assert.Equal(1, tuner.Choose(Key with { Rows = 1 }, Candidates, _launches.Add));
        Assert.True(tuner.TryGet(Key, out int choice));
        Assert.Equal(1, choice);
        Assert.StartsWith($"{FilePath}: it cannot be written", Assert.Single(_reports), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(16, 4)]
    [InlineData(17, 5)]
    [InlineData(32, 5)]
    [InlineData(32_128, 15)]
    public void Key_OfAnExtent_IsItsPowerOfTwo(int rows, int expected) => Assert.Equal(expected, TuningKey.Of("forward", "f32", rows, 1, 1).Rows);

    [Fact]
    public void Key_AsText_NamesTheGreatestExtentsOfItsClass() => Assert.Equal("forward bf16 128 x 512 x 2048", Key.ToString());

    [Fact]
    public void MatMul_WithATuner_MeasuresEachTileOnceAndNeverOnTheResult()
    {
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true);
        var measured = new List<double>();
        var tuner = new Tuner(Device, new TuningFile(FilePath, _reports.Add), launch =>
        {
            // Twice, as a stopwatch does: a result that was added to twice would show.
            launch();
            launch();
            measured.Add(-measured.Count);
            return measured[^1];
        });
        var settings = new MatMulSettings { Tuner = tuner };
        MatMulTileSet[] tiles = [MatMulTileSet.Of<EmulatedTile, Unrounded>(gpu), MatMulTileSet.Of<WideEmulatedTile, Unrounded>(gpu)];
        using var backend = new GpuBackend("emulated", gpu, settings, new MatMulGpu(gpu, settings, tiles));
        var mirror = new Mirror(backend);
        for (int i = 0; i < 2; i++)
        {
            MatMulTests.AssertEqualsOracle(mirror.Kernels.MatMul, 17, 18, 33, Into.Add);
            MatMulTests.AssertEqualsOracle(mirror.Kernels.MatMul, 20, 20, 40, Into.Overwrite);
        }
        // Three products, two tiles, one class.
        Assert.Equal(6, measured.Count);
        Assert.All(["forward f32 32 x 64 x 32", "backward-input f32 32 x 32 x 64", "backward-weight f32 64 x 32 x 32"],
            key => Assert.Equal("16x32", new TuningFile(FilePath, _reports.Add).Find(Device, key)));
    }

    [Fact]
    public void MatMul_WithATileThatErrsOrIsRefused_LeavesItOut()
    {
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true);
        MatMulTileSet right = MatMulTileSet.Of<EmulatedTile, Unrounded>(gpu);
        var errs = new OtherTile("wrong", right, (multiply, c) =>
        {
            multiply();
            c.SubView(c.Length - 1, 1).MemSetToZero(gpu.Stream);
        });
        var refused = new OtherTile("refused", right, (_, _) => throw gpu.Driver.Failure("launching it", new CLException(CLError.CL_INVALID_WORK_GROUP_SIZE)));
        var equal = new OtherTile("equal", right, (multiply, _) => multiply());
        RunTuned(gpu, [right, errs, refused, equal]);
        // For each of three products; the last candidate is the fastest.
        Assert.Equal(6, _reports.Count);
        Assert.All((int[])[0, 2, 4], i =>
        {
            Assert.Contains("wrong is left out on this device: its result differs by ", _reports[i], StringComparison.Ordinal);
            Assert.EndsWith("refused is left out on this device: CL_INVALID_WORK_GROUP_SIZE.", _reports[i + 1], StringComparison.Ordinal);
        });
        Assert.Equal("equal", new TuningFile(FilePath, _reports.Add).Find(Device, "forward f32 32 x 64 x 32"));
    }

    [Fact]
    public void MatMul_ByATileThatFindsNoMemory_TakesAnother()
    {
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true);
        MatMulTileSet right = MatMulTileSet.Of<EmulatedTile, Unrounded>(gpu);
        bool isFull = false;
        var hungry = new OtherTile("hungry", right, (multiply, _) =>
        {
            if (isFull) throw new InsufficientMemoryException("full");
            multiply();
        });
        Action again = RunTuned(gpu, [right, hungry]);
        Assert.Equal("hungry", new TuningFile(FilePath, _reports.Add).Find(Device, "forward f32 32 x 64 x 32"));
        isFull = true;
        again();
        again();
        // Once for each of three products.
        Assert.Equal(3, _reports.Count);
        Assert.Equal("forward f32 32 x 64 x 32: there is no memory for what hungry needs beside its operands; 16x16 multiplies instead.", _reports[0]);
    }

    [Fact]
    public void MatMul_ByATileThatFindsNoMemoryWhenItIsMeasured_KeepsNoChoice()
    {
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true);
        MatMulTileSet right = MatMulTileSet.Of<EmulatedTile, Unrounded>(gpu);
        RunTuned(gpu, [right, new OtherTile("hungry", right, (_, _) => throw new InsufficientMemoryException("full"))]);
        Assert.All(_reports, report => Assert.Contains("there is no memory to measure hungry in", report, StringComparison.Ordinal));
        Assert.Equal(3, _reports.Count);
        Assert.False(File.Exists(FilePath));
    }

    /// <summary>Products by a tuner to which each candidate seems faster than the one before.</summary>
    /// <returns>Multiplies again.</returns>
    Action RunTuned(DistillEngine.Kernels.Gpu gpu, MatMulTileSet[] tiles)
    {
        int measured = 0;
        var settings = new MatMulSettings
        {
            Tuner = new Tuner(Device, new TuningFile(FilePath, _reports.Add), launch =>
            {
                launch();
                return -++measured;
            }),
        };
        var mirror = new Mirror(new GpuBackend("emulated", gpu, settings, new MatMulGpu(gpu, settings, tiles)));
        Action multiply = () => MatMulTests.AssertEqualsOracle(mirror.Kernels.MatMul, 17, 18, 33, Into.Add);
        multiply();
        return multiply;
    }

    [Fact]
    public void MatMul_WithATunerAndNoMemoryForATrial_MultipliesUntunedAndKeepsNoChoice()
    {
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true);
        var tuner = new Tuner(Device, new TuningFile(FilePath, _reports.Add), _ => throw new InvalidOperationException("nothing can be measured"));
        var settings = new MatMulSettings { Tuner = tuner };
        MatMulTileSet[] tiles = [MatMulTileSet.Of<EmulatedTile, Unrounded>(gpu), MatMulTileSet.Of<WideEmulatedTile, Unrounded>(gpu)];
        var matMul = new MatMulGpu(gpu, settings, tiles);
        const int Rows = 9, Inputs = 3, Outputs = 5;
        float[] x = [.. Enumerable.Range(0, Rows * Inputs)], w = [.. Enumerable.Range(0, Outputs * Inputs)], y = new float[Rows * Outputs];
        using MemoryBuffer memory = gpu.AllocateRaw(512 * sizeof(float), "operands");
        ArrayView<float> xView = new(memory, 0, x.Length), wView = new(memory, 128, w.Length);
        xView.CopyFromCPU(x);
        wView.CopyFromCPU(w);
        // A result whose like no machine has room for; the product reaches its beginning alone.
        var result = new ArrayView<float>(memory, 256, 1L << 58);

        matMul.Forward(xView, wView, Rows, Outputs, Inputs, Into.Overwrite, result, Outputs);

        gpu.Stream.Synchronize();
        new ArrayView<float>(memory, 256, y.Length).CopyToCPU(y);
        Assert.Equal(MatMulReference.Forward(x, w, Rows, Inputs, Outputs), y);
        var key = TuningKey.Of("forward", settings.Name, Rows, Outputs, Inputs);
        Assert.False(tuner.TryGet(key, out int _));
        Assert.Equal($"{key}: there is no memory to measure its kernels in; the usual one serves until there is.", Assert.Single(_reports));
        Assert.False(File.Exists(FilePath));
    }

    Tuner Create(params double[] seconds) => Create(Device, seconds);

    Tuner Create(string device, params double[] seconds)
    {
        int next = 0;
        return new(device, new TuningFile(FilePath, _reports.Add), launch =>
        {
            launch();
            return seconds[next++];
        });
    }
}

/// <summary>A second tile of 4 threads.</summary>
readonly struct WideEmulatedTile : IMatMulTile
{
    public static int Rows => 16;
    public static int Columns => 32;
    public static int Depth => 8;
    public static int ThreadRows => 8;
    public static int ThreadColumns => 16;

    public static float MultiplyAdd(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);
}

/// <summary>A tile that needs memory of its own, as far as others know, that multiplies by another or not.</summary>
sealed class OtherTile(string name, MatMulTileSet right, Action<Action, ArrayView<float>> launch) : MatMulTileSet(1, 1)
{
    public override string Name => name;

    public override void Launch(DistillEngine.Kernels.Gpu gpu, MatMulProduct product, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c,
        MatMulCall call) => launch(() => right.Launch(gpu, product, a, b, c, call), c);
}
