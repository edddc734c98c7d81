using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Verification;

/// <summary>The checks of a published run can fail. Its student is too large for the repository.</summary>
public class PublishedPerturbationTests
{
    const string Run = "cqa-taskprefix-accumulate2";

    [Fact]
    public void Run_WhenRecordedValuesAreMoved_FailsTheirChecksAlone()
    {
        using var copy = new GoldenCopy(GoldenCopy.Shared, $"published/{Run}", "published/student", "tokenizers/t5/spiece.model");
        List<CheckResult> before = copy.Run();
        Assert.DoesNotContain(before, r => r.Pass == false);

        copy.EditTensor<long>(File("rows.safetensors"), "first_epoch_order", order => (order[50], order[51]) = (order[51], order[50]));
        copy.EditJson(File("texts.json"), texts => texts[3]!["label"] = "another label");
        copy.EditTensor<float>(File("gradients-step-0001.safetensors"), "encoder.final_layer_norm.weight", Scale);
        copy.EditTensor<float>(File("parameters-step-0010.safetensors"), "encoder.final_layer_norm.weight", Scale);
        copy.EditJson(File("statistics-step-0002.json"), s => s["exp_avg"]!["shared.weight"]!["l2"] = 1.0);
        copy.EditJson(File("run.json"), run =>
        {
            run["gradient_statistics_step_1"]!["lm_head.weight"]!["mean"] = 1.0;
            run["steps"]![5]!["micro_batches"]![1]!["rationale_loss"] = 10.0;
            run["steps"]![6]!["grad_norm"] = 2.0;
            run["steps"]![7]!["learning_rate"] = 1e-4;
        });
        copy.EditJson(File("evaluation.json"), evaluation =>
        {
            evaluation["evaluations"]![0]!["batch_losses"]![0] = 10.0;
            evaluation["rows"]![2]!["predict"]!["decoded_label"] = "another label";
        });
        copy.EditTensor<long>(File("evaluation.safetensors"), "explain.generated", ids => ids[64 + 20] ^= 1);

        string[] expected = ["row order", "texts", "gradients of step 1", "gradient statistics of step 1", "statistics after step 2",
            "parameters after step 10",
            "losses", "gradient norms", "learning rates", "evaluation losses", "generated ids, explain", "decoded texts"];
        List<CheckResult> after = copy.Run();
        Assert.Equal(expected.Order(), after.Where(r => r.Pass == false).Select(r => r.Check).Order());
        Assert.Equal(before.Count, after.Count);
    }

    static string File(string name) => $"published/{Run}/{name}";

    static void Scale(Span<float> values)
    {
        foreach (ref float value in values) value *= 1.0001f;
    }
}
