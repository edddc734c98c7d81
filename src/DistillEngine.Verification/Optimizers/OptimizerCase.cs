using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>Raw parameters and gradients through every optimizer and dialect that is recorded.</summary>
static class OptimizerCase
{
    public static void Run(string folder, IBackend backend, CaseReport report)
    {
        GoldenJson record = GoldenJson.Load(Path.Combine(folder, GoldenFolder.CaseFile));
        using var start = GoldenTensors.Open(Path.Combine(folder, "start.safetensors"));
        using var gradients = GoldenTensors.Open(Path.Combine(folder, "gradients.safetensors"));
        foreach (var (name, run) in record["runs"].Members)
        {
            report.Guard(name, () =>
            {
                if (DialectOptions.Read(run, out OptimizerOptions options) is { } missing) report.Skip(name, $"not built yet: {missing}");
                else RunOne(Path.Combine(folder, $"{name}.safetensors"), name, options, start, gradients, backend, report);
            });
        }
    }

    static void RunOne(string path, string name, OptimizerOptions options, GoldenTensors start, GoldenTensors gradients, IBackend backend,
        CaseReport report)
    {
        if (!report.Has(name, path)) return;
        using var truth = GoldenTensors.Open(path);
        using var parameters = new ParameterStore([.. start.Names.Select(n => SpecOf(start, n))], backend, training: true);
        for (int i = 0; i < parameters.Specs.Count; i++)
            backend.Upload<float>(start.Floats(parameters.Specs[i].Name), parameters.Value(new(i)));
        using IOptimizer optimizer = OptimizerBuilder.Create(options, parameters, backend);
        using DeviceBuffer normBuffer = backend.Allocate(sizeof(float), "gradient norm");
        var norm = new Tensor(normBuffer, 0, new(1), DType.F32, "gradient norm");
        string first = parameters.Specs[0].Name;
        var worst = new Worst();
        HashSet<string> unseen = [.. truth.Names];
        for (int step = 1; gradients.Contains($"step{step}.{first}"); step++)
        {
            report.Cancel.ThrowIfCancellationRequested();
            for (int i = 0; i < parameters.Specs.Count; i++)
                backend.Upload<float>(gradients.Floats($"step{step}.{parameters.Specs[i].Name}"), parameters.Gradient(new(i)));
            backend.Kernels.GradientNorm.Forward(parameters.AllGradients, norm);
            optimizer.Apply(norm, options.LearningRate ?? 0, clip: 0);
            bool isLast = !gradients.Contains($"step{step + 1}.{first}");
            // The last step is always recorded, of the others some.
            if (isLast || unseen.Any(n => n.StartsWith($"step{step}.", StringComparison.Ordinal)))
                CompareParameters(step, parameters, backend, truth, worst, unseen);
        }
        if (unseen.Count > 0) throw truth.Error(unseen.Min()!, $"belongs to no step and parameter of {gradients.Path}");
        report.Add(name, worst);
    }

    static void CompareParameters(int step, ParameterStore parameters, IBackend backend, GoldenTensors truth, Worst worst,
        HashSet<string> unseen)
    {
        for (int i = 0; i < parameters.Specs.Count; i++)
        {
            string name = $"step{step}.{parameters.Specs[i].Name}";
            unseen.Remove(name);
            float[] got = backend.Floats(parameters.Value(new(i))), expected = truth.Floats(name);
            if (got.Length != expected.Length)
                throw truth.Error(name, $"has {expected.Length} elements, expected {got.Length}");
            worst.See(name, Compare.Share(Compare.NormOfDifference(got, expected), Compare.Norm(expected)), Tolerances.OptimizerParameters);
        }
    }

    static ParameterSpec SpecOf(GoldenTensors start, string name)
    {
        long[] shape = start.Shape(name);
        return shape.Length switch
        {
            1 => new(name, new((int)shape[0]), Initializer.Ones, 0),
            2 => new(name, new((int)shape[0], (int)shape[1]), Initializer.Normal, 0),
            _ => throw start.Error(name, $"has {shape.Length} dimensions, expected 1 or 2"),
        };
    }
}
