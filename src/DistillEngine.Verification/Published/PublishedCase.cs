using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>A run of the published code, followed from texts to weights and generated answers.</summary>
static class PublishedCase
{
    /// <param name="student">The model folder that the run starts from.</param>
    public static void Run(string folder, string student, DataFolder? data, PublishedVocabulary? vocabulary, IBackend backend,
        CaseReport report)
    {
        PublishedRun run = PublishedRun.Read(folder);
        report.Guard("row order", () => PublishedOrder.Run(run, report));
        using ModelFolder files = ModelFolder.Open(student);
        PaddedBatch[][][] batches = run.ReadBatches(files.Config.VocabularySize);
        if (vocabulary is null)
        {
            report.Skip("texts", PublishedVocabulary.Missing);
        }
        else
        {
            report.Guard("texts", () => PublishedTexts.Run(run, batches, vocabulary, report));
            report.Guard("rows", () => PublishedRows.Run(run, batches, data, vocabulary, report));
        }
        report.Guard("training", () => RunModel(run, files, batches, vocabulary, backend, report));
    }

    /// <summary>The training alone.</summary>
    public static void Train(string folder, string student, IBackend backend, CaseReport report)
    {
        PublishedRun run = PublishedRun.Read(folder);
        using ModelFolder files = ModelFolder.Open(student);
        PaddedBatch[][][] batches = run.ReadBatches(files.Config.VocabularySize);
        using var model = new T5Model(files.Config, LimitsOf(batches), backend, training: true);
        files.LoadInto(model);
        PublishedTraining.Run(run, model, batches, report);
    }

    static BatchLimits LimitsOf(PaddedBatch[][][] batches) =>
        batches.SelectMany(step => step).Select(micro => PaddedBatch.LimitsOf(micro)).Aggregate(BatchLimits.Larger);

    static void RunModel(PublishedRun run, ModelFolder files, PaddedBatch[][][] batches, PublishedVocabulary? vocabulary, IBackend backend,
        CaseReport report)
    {
        PublishedEvaluation? evaluation = PublishedEvaluation.TryRead(run, files.Config.VocabularySize, report);
        BatchLimits limits = LimitsOf(batches);
        if (evaluation is not null) limits = BatchLimits.Larger(limits, evaluation.Limits);
        using var model = new T5Model(files.Config, limits, backend, training: true);
        files.LoadInto(model);
        report.Guard("gradients of step 1", () => PublishedGradients.Run(run, model, batches[0], report));
        PublishedTraining.Run(run, model, batches, report);
        if (evaluation is not null) report.Guard("evaluation", () => evaluation.Run(model, vocabulary, report));
    }
}
