using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>A model folder with what the reference computes from it: forward pass, gradients, training runs, generated ids.</summary>
static class ModelCase
{
    public static void Run(string folder, IBackend backend, CaseReport report)
    {
        GoldenJson record = GoldenJson.Load(Path.Combine(folder, GoldenFolder.CaseFile));
        using ModelFolder files = ModelFolder.Open(folder);
        report.Guard("forward", () => RunForward(folder, record, files, backend, report));
        report.Guard("training", () => TrainingChecks.Run(folder, record, files, backend, report));
        report.Guard("generation", () => GenerationChecks.Run(folder, record, files, backend, report));
    }

    /// <summary>The training runs alone.</summary>
    public static void Train(string folder, IBackend backend, CaseReport report)
    {
        GoldenJson record = GoldenJson.Load(Path.Combine(folder, GoldenFolder.CaseFile));
        using ModelFolder files = ModelFolder.Open(folder);
        TrainingChecks.Run(folder, record, files, backend, report);
    }

    static void RunForward(string folder, GoldenJson record, ModelFolder files, IBackend backend, CaseReport report)
    {
        GoldenJson forward = record["forward"];
        using var truth = GoldenTensors.Open(Path.Combine(folder, "forward.safetensors"));
        PaddedBatch rows = PaddedBatch.Read(truth, "", files.Config.VocabularySize);
        using var model = new T5Model(files.Config, PaddedBatch.LimitsOf(rows), backend, training: true);
        files.LoadInto(model);
        var batch = new Batch(model.Limits);
        rows.AddTo(batch, TaskKind.Label, model.Config.DecoderStartId);
        report.Guard("forward", () => ForwardChecks.Run(model, batch, rows, truth, forward, report));
        report.Guard("gradients", () => GradientChecks.Run(folder, model, batch, rows, forward, report));
    }
}
