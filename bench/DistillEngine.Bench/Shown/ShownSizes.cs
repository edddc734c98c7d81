using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Training.Demo;

namespace DistillEngine.Bench.Shown;

/// <summary>How much is measured.</summary>
sealed record ShownSizes
{
    /// <summary>Threads of the suites that compare one with all of them.</summary>
    public required int[] Threads { get; init; }

    /// <summary>Types of the operands of training's products.</summary>
    public required ComputePrecision[] Types { get; init; }

    /// <summary>Rows, inputs and outputs of products.</summary>
    public required (int Rows, int Inputs, int Outputs)[] Products { get; init; }

    /// <summary>Inputs and outputs of the products of decoding.</summary>
    public required (int Inputs, int Outputs)[] DecodeProducts { get; init; }

    /// <summary>Bytes of the weights that a product of decoding goes through before it sees one again.</summary>
    public required long WeightBytes { get; init; }

    public required string Small { get; init; }

    public required string Base { get; init; }

    /// <summary>Rows of a step.</summary>
    public required int Batch { get; init; }

    /// <summary>Sequences decoded together by the small model.</summary>
    public required int[] DecodeBatches { get; init; }

    /// <summary>How one sequence's decoding holds the weights.</summary>
    public required WeightForm[] DecodeForms { get; init; }

    public required int Source { get; init; }

    public required int Target { get; init; }

    /// <summary>Seeds of the demo's models whose choices are compared, and their steps of training.</summary>
    public required ulong[] AgreementSeeds { get; init; }

    /// <inheritdoc cref="AgreementSeeds"/>
    public required long AgreementSteps { get; init; }

    /// <summary>Golden folders whose training runs are made again.</summary>
    public required string[] Goldens { get; init; }

    public required int[] AttentionLengths { get; init; }

    /// <summary>Turns of works that take milliseconds, and of those that take up to a second.</summary>
    public required int ShortTurns { get; init; }

    /// <inheritdoc cref="ShortTurns"/>
    public required int LongTurns { get; init; }

    /// <summary>Limits of so many threads at this moment.</summary>
    public required Func<int, Roof> Roof { get; init; }

    /// <summary>What the suites of devices measure; null where none is named.</summary>
    public ShownDevice? Device { get; init; }

    /// <summary>Types of the operands of a device's products.</summary>
    public required ComputePrecision[] DeviceTypes { get; init; }

    /// <inheritdoc cref="Products"/>
    public required (int Rows, int Inputs, int Outputs)[] DeviceProducts { get; init; }

    /// <summary>Rows of a device's step, and tokens of each source and target.</summary>
    public required int DeviceBatch { get; init; }

    /// <inheritdoc cref="DeviceBatch"/>
    public required int DeviceSource { get; init; }

    /// <inheritdoc cref="DeviceBatch"/>
    public required int DeviceTarget { get; init; }

    /// <exception cref="InvalidOperationException">No device is named.</exception>
    public ShownDevice RequireDevice() =>
        Device ?? throw new InvalidOperationException("No device is named; set DISTILL_DEVICE to one that distill doctor lists, such as cuda:0.");

    /// <summary>All threads that compute.</summary>
    public int AllThreads => Threads[^1];

    static string RepositoryGoldens => Path.Combine(ResultPlace.Root(), "tests", "goldens");

    /// <summary>What is published.</summary>
    public static ShownSizes Full { get; } = new()
    {
        Threads = Environment.ProcessorCount == 1 ? [1] : [1, Environment.ProcessorCount],
        Types = [ComputePrecision.F32, ComputePrecision.Bf16],
        Products =
        [
            (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (512, 768, 768), (512, 768, 2048), (512, 2048, 768), (2048, 768, 2048),
            (512, 768, 32_128),
        ],
        DecodeProducts = [(768, 2048), (2048, 768), (768, 32_128)],
        // Eight times the outermost cache of a usual server.
        WeightBytes = 256L << 20,
        Small = "v1.1-small", Base = "v1.1-base", Batch = 8, DecodeBatches = [1, 8, 32],
        DecodeForms = [WeightForm.F32, WeightForm.BF16, WeightForm.Int8, WeightForm.Int4], Source = 64, Target = 32,
        AgreementSeeds = [1, 2, 3, 4], AgreementSteps = DemoData.Steps,
        Goldens = Environment.GetEnvironmentVariable("DISTILL_GOLDEN") is { Length: > 0 } folders
            ? folders.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) : [RepositoryGoldens],
        AttentionLengths = [128, 512, 1024, 2048, 4096], ShortTurns = 15, LongTurns = 5,
        Roof = threads => RooflineMeter.Measure(CpuIsas.Choose(), threads),
        DeviceTypes = [ComputePrecision.F32, ComputePrecision.Tf32, ComputePrecision.Bf16],
        // Squares, then the maps of v1.1-base for the tokens of the device's step: attention, both of the feed-forward, the head.
        DeviceProducts =
        [
            (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (4096, 4096, 4096), (8192, 768, 768), (8192, 768, 2048), (8192, 2048, 768),
            (4096, 768, 32_128),
        ],
        DeviceBatch = 64, DeviceSource = 128, DeviceTarget = 64,
    };

    /// <summary>Enough to see that every suite runs.</summary>
    public static ShownSizes Tiny { get; } = Full with
    {
        Types = [ComputePrecision.Bf16],
        Products = [(17, 40, 33)],
        DecodeProducts = [(64, 128)],
        WeightBytes = 1 << 16,
        Small = "tiny",
        Base = "tiny",
        Batch = 1,
        DecodeBatches = [1, 2],
        DecodeForms = [WeightForm.Int8],
        Source = 4,
        Target = 3,
        AgreementSeeds = [1],
        AgreementSteps = 1,
        Goldens = [RepositoryGoldens],
        AttentionLengths = [8, 16],
        ShortTurns = 1,
        LongTurns = 1,
        Device = new(GpuDevices.Emulator),
        DeviceTypes = [ComputePrecision.Bf16],
        DeviceProducts = [(17, 40, 33)],
        DeviceBatch = 1,
        DeviceSource = 4,
        DeviceTarget = 3,
        Roof = threads => new Roof(threads, Fp32Gflops: 100, Bf16Gflops: 200, Int8Gops: 400, ReadGBs: 30, CopyGBs: 30),
    };
}
