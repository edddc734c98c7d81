using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

/// <summary>Six steps of every recorded run of the reference optimizers (float64) over the same parameters and gradients.</summary>
public class OptimizerGoldenTests
{
    /// <summary>What the goldens ask for: the error's norm over the tensor's.</summary>
    const double Agreement = 5e-7;

    const int Steps = 6;

    static readonly (string Name, Shape Shape)[] Tensors =
        [("matrix", new(131, 129)), ("nearly", new(140, 40)), ("table", new(32, 3)), ("vector", new(48))];

    static readonly OptimizerOptions HuggingFace =
        new() { Name = "adafactor-huggingface", LearningRate = 1e-2, ScaleParameter = false, DecayNorms = true };

    static readonly OptimizerOptions Optax = new() { Name = "adafactor-optax", LearningRate = 1e-2, DecayNorms = true };

    static readonly Dictionary<string, OptimizerOptions> Options = new()
    {
        ["adamw-torch"] = new() { Name = "adamw", LearningRate = 1e-2, WeightDecay = 0.1, DecayNorms = true },
        ["adafactor-hf-constant"] = HuggingFace,
        ["adafactor-hf-scaled-decay"] = HuggingFace with { ScaleParameter = true, WeightDecay = 0.1 },
        ["adafactor-hf-relative-warmup"] = HuggingFace with { LearningRate = null, ScaleParameter = true, WarmupInit = true },
        ["adafactor-hf-relative"] = HuggingFace with { LearningRate = null, ScaleParameter = true },
        ["adafactor-hf-momentum"] = HuggingFace with { Beta1 = 0.9, ClipThreshold = 0.5 },
        // The reference ran in float64, whose epsilon torch takes by default.
        ["adafactor-torch"] =
            new() { Name = "adafactor-torch", LearningRate = 1e-2, WeightDecay = 0.1, Epsilon1 = 2.220446049250313e-16, DecayNorms = true },
        ["adafactor-optax"] = Optax,
        ["adafactor-optax-unscaled"] = Optax with { ScaleParameter = false, ClipThreshold = 0 },
        ["adafactor-optax-momentum-decay"] = Optax with { Beta1 = 0.9, WeightDecay = 1e-3 },
    };

    public static TheoryData<string, CpuIsa> Runs
    {
        get
        {
            var runs = new TheoryData<string, CpuIsa>();
            foreach (string run in Options.Keys)
                foreach (CpuIsa isa in CpuIsas.Widths) runs.Add(run, isa);
            return runs;
        }
    }

    [Theory, MemberData(nameof(Runs))]
    public void Apply_OverARecordedRun_EndsAtTheRecordedParameters(string run, CpuIsa isa)
    {
        Dictionary<string, float[]> start = Read(Find("start")), gradients = Read(Find("gradients")), expected = Read(Find(run));
        using var pool = new ComputePool(2);
        using var device = new HostDevice(isa, pool);
        using var norm = new HostBuffer(sizeof(float), "norm");
        var list = new ParameterList();
        foreach (var (name, shape) in Tensors)
        {
            if (name == "vector") list.Ones(name, shape);
            else list.Normal(name, shape, 1);
        }
        using var parameters = new ParameterStore(list.Specs, device, training: true);
        using IOptimizer optimizer = Optimizers.Create(Options[run], parameters, device.Kernels, device);
        for (int i = 0; i < Tensors.Length; i++) device.Upload<float>(start[Tensors[i].Name], parameters.Value(new(i)));
        for (int step = 1; step <= Steps; step++)
        {
            for (int i = 0; i < Tensors.Length; i++)
                device.Upload<float>(gradients[$"step{step}.{Tensors[i].Name}"], parameters.Gradient(new(i)));
            optimizer.Apply(new Tensor(norm, 0, new(1), DType.F32, "norm"), 1e-2, clip: 0);
            if (step is not (1 or Steps)) continue;
            for (int i = 0; i < Tensors.Length; i++)
            {
                double distance = Distance(parameters.Value(new(i)).HostSpan<float>(), expected[$"step{step}.{Tensors[i].Name}"]);
                Assert.True(distance <= Agreement,
                    $"{run}, step {step}, {Tensors[i].Name}: {distance:G3} of the norm, at most {Agreement} is allowed.");
            }
        }
    }

    static double Distance(ReadOnlySpan<float> got, ReadOnlySpan<float> expected)
    {
        Assert.Equal(expected.Length, got.Length);
        var (error, norm) = (0d, 0d);
        for (int i = 0; i < got.Length; i++)
        {
            error += ((double)got[i] - expected[i]) * ((double)got[i] - expected[i]);
            norm += (double)expected[i] * expected[i];
        }
        return Math.Sqrt(error / norm);
    }

    /// <summary>A file of the repository, or else of the full set beside it; skips the test where neither holds it.</summary>
    static string Find(string name)
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "DistillEngine.sln"))) root = Path.GetDirectoryName(root);
        Assert.NotNull(root);
        string here = Path.Combine(root, "tests", "goldens", "optimizers", $"{name}.safetensors");
        string beside = Path.Combine(root, "..", "shared", "golden", "optimizers", $"{name}.safetensors");
        if (!File.Exists(here) && !File.Exists(beside))
            Assert.Skip($"The run {name} lies in the full set of goldens, which is not beside this repository.");
        return File.Exists(here) ? here : beside;
    }

    static Dictionary<string, float[]> Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        int header = checked((int)BinaryPrimitives.ReadInt64LittleEndian(file));
        using var json = JsonDocument.Parse(file.AsMemory(sizeof(long), header));
        var tensors = new Dictionary<string, float[]>();
        foreach (JsonProperty entry in json.RootElement.EnumerateObject())
        {
            if (entry.Name == "__metadata__") continue;
            int[] range = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(v => v.GetInt32())];
            tensors[entry.Name] = MemoryMarshal.Cast<byte, float>(file.AsSpan(sizeof(long) + header)[range[0]..range[1]]).ToArray();
        }
        return tensors;
    }
}
