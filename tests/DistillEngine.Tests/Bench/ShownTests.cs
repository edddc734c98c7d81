using System.Text.Json;
using DistillEngine.Bench.Shown;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Verification;
using Xunit;

namespace DistillEngine.Tests.Bench;

/// <summary>The suites of published rows run, at sizes that say nothing about speed.</summary>
public sealed class ShownTests : IDisposable
{
    /// <summary>Figures that some machines do not tell: resident memory, and of devices what cuBLAS reaches and what the vendor states.</summary>
    static readonly string[] MayBeUnknown =
        ["peakRssMb", "attentionBytes", "attentionGrowth", "cublasOfBf16Tflops", "shareOfCublas", "statedTflops", "shareOfStated"];

    readonly string _folder = Directory.CreateTempSubdirectory("distill-shown-").FullName;

    /// <summary>All but the second model's steps, which are the first one's code.</summary>
    public static TheoryData<string> Suites => [.. ShownSuite.All.Select(suite => suite.Name).Where(name => name != "step-base")];

    [Theory]
    [MemberData(nameof(Suites))]
    public void Run_AtTinySizes_WritesATableAndItsJson(string name)
    {
        var output = new StringWriter();
        ShownSuite suite = ShownSuite.Find(name)!;
        // The emulator takes seconds for a step of the smallest preset.
        ShownSizes sizes = suite.IsOfDevice ? ShownSizes.Tiny with { Base = Path.Combine(GoldenCopy.Repository, "models", "shortest") } : ShownSizes.Tiny;
        ShownRun.Of([suite], sizes, output, TextWriter.Null, _folder, new DateOnly(2026, 1, 2));
        string table = File.ReadAllText(Path.Combine(_folder, $"shown-{name}.md"));
        Assert.StartsWith(output.ToString(), table);
        Assert.Contains("2026-01-02", table);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, $"shown-{name}.json")));
        JsonElement[] rows = [.. json.RootElement.GetProperty("rows").EnumerateArray()];
        Assert.NotEmpty(rows);
        Assert.Equal(suite.IsOfDevice ? "cpu-emulator" : "cpu", json.RootElement.GetProperty("machine").GetString()!.Split(", ")[1].Split('/', ' ')[0]);
        // A head, a rule and a row each.
        Assert.Equal(rows.Length + 2, output.ToString().Split('\n').Count(line => line.StartsWith('|')));
        Assert.All(rows.SelectMany(row => row.EnumerateObject()), field =>
            Assert.True(field.Value.ValueKind != JsonValueKind.Null || MayBeUnknown.Contains(field.Name), $"{field.Name} of {name}"));
    }

    [Fact]
    public void DeviceProducts_WithoutCublasAndTensorCores_SayWhatIsMissing()
    {
        ShownTable table = ShownSuite.Find("device-products")!.Run(ShownSizes.Tiny with { DeviceTypes = ShownSizes.Full.DeviceTypes });
        Assert.Equal(["F32", "Bf16, emulated"], table.Rows.Select(row => row[0]));
        Assert.All(table.Rows, row => Assert.Equal(("not a CUDA device", "16x16"), (row[6], row[9])));
        Assert.StartsWith("Tf32: the device has no tensor cores", Assert.Single(table.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void DeviceProducts_BesideAPeer_GiveTheirShareOfItsFasterForm()
    {
        var peers = new List<Peer>();
        var device = new ShownDevice(GpuDevices.Emulator)
        {
            OpenPeer = backend =>
            {
                peers.Add(new(backend));
                return (peers[^1], "");
            },
        };
        ShownSizes sizes = ShownSizes.Tiny with { Device = device, DeviceTypes = [ComputePrecision.F32, ComputePrecision.Bf16] };
        ShownTable table = ShownSuite.Find("device-products")!.Run(sizes);
        foreach (object[] row in table.Rows)
        {
            double own = (double)row[3], ofFloats = (double)row[6], ofBf16 = (double)row[7];
            Assert.Equal(row == table.Rows[0], double.IsNaN(ofBf16));
            Assert.Equal(own / (double.IsNaN(ofBf16) ? ofFloats : Math.Max(ofFloats, ofBf16)), (double)row[8], 1e-9);
        }
        Assert.All(peers, peer => Assert.True(peer.IsDisposed));
        Assert.Equal([DType.F32], peers[0].Types);
        Assert.Equal([DType.F32, DType.BF16], peers[1].Types.Order());
    }

    [Theory]
    [InlineData("device-products")]
    [InlineData("device-step")]
    public void Device_ThatIsAbsentOrNotNamed_IsSaidInOneLine(string name)
    {
        ShownSuite suite = ShownSuite.Find(name)!;
        InvalidOperationException absent = Assert.Throws<InvalidOperationException>(() => suite.Run(ShownSizes.Tiny with { Device = new("cuda:99") }));
        Assert.StartsWith("cuda:99: there is no such device. Looked for", absent.Message, StringComparison.Ordinal);
        InvalidOperationException unnamed = Assert.Throws<InvalidOperationException>(() => suite.Run(ShownSizes.Tiny with { Device = null }));
        Assert.Contains("set DISTILL_DEVICE", unnamed.Message, StringComparison.Ordinal);
        Assert.All([absent, unnamed], e => Assert.DoesNotContain('\n', e.Message));
    }

    [Fact]
    public void Allocations_OfAStepAndAToken_AreNone()
    {
        ShownTable table = ShownSuite.Find("allocations")!.Run(ShownSizes.Tiny);
        Assert.All(table.Rows, row => Assert.Equal(0.0, row[1]));
    }

    [Fact]
    public void Of_Works_TimesEachTurn()
    {
        int first = 0, second = 0;
        double[][] times = Turns.Of(3, () => first++, () => second++);
        Assert.Equal([3, 3], times.Select(t => t.Length));
        Assert.True(first >= 5 && second >= 5);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>A library that multiplies as the device itself does, and remembers in which types.</summary>
    sealed class Peer(GpuBackend backend) : IProductPeer
    {
        public HashSet<DType> Types { get; } = [];

        public bool IsDisposed { get; private set; }

        public void Multiply(Tensor x, Tensor w, Tensor y)
        {
            Types.Add(x.DType);
            Assert.Equal((x.DType, x.Shape.D1), (w.DType, w.Shape.D1));
            if (x.DType == DType.F32) backend.Kernels.MatMul.Forward(x, new Weight(w), Into.Overwrite, y);
        }

        public void Dispose() => IsDisposed = true;
    }
}
