using System.Text.Json.Nodes;
using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Verification;

/// <summary>Every family of checks can fail, and does so alone: one recorded value is moved a little beyond what is allowed.</summary>
public class PerturbedGoldenTests
{
    const string Shortest = "models/shortest/", Buckets = "models/buckets/", Optimizers = "optimizers/",
        Mini = "tokenizers/mini/", T5 = "tokenizers/t5/",
        Checkpoints = "checkpoints/", Metrics = "published/metrics/";

    static readonly Dictionary<string, (string[] Cases, Action<GoldenCopy> Perturb)> Perturbations = new()
    {
        ["hidden states"] = Model(c => Scale(c, Shortest + "forward.safetensors", "encoder_last_hidden_state")),
        ["logits"] = Model(c => Scale(c, Shortest + "forward.safetensors", "logits")),
        ["token losses"] = Model(c => Scale(c, Shortest + "forward.safetensors", "token_losses")),
        ["decoder inputs"] = Model(c => c.EditTensor<long>(Shortest + "forward.safetensors", "decoder_input_ids", ids => ids[0] = 3)),
        ["loss"] = Model(c => c.EditJson(Shortest + "case.json", r => Scale(r["forward"]!, "loss"))),
        ["gradients"] = Model(c => Scale(c, Shortest + "gradients.safetensors", "encoder.final_layer_norm.weight")),
        ["gradient norm"] = Model(c => c.EditJson(Shortest + "case.json", r => Scale(r["forward"]!, "gradient_norm"))),
        ["generation greedy"] = Model(c => c.EditJson(Shortest + "case.json", r => r["generation"]![0]!["sequences"]![1]![1] = 7)),
        ["training adamw: losses"] = Training(r => Scale(r["steps"]![4]!, "loss")),
        ["training adamw: losses of the tasks"] = Training(r => Scale(r["steps"]![4]!, "label_loss")),
        ["training adamw: gradient norms"] = Training(r => Scale(r["steps"]![7]!, "gradient_norm")),
        ["training adamw: learning rates"] = Training(r => Scale(r["steps"]![9]!, "learning_rate")),
        ["training adamw: parameters after step 20"] = (["models/buckets"],
            c => Scale(c, Buckets + "training_adamw_step20.safetensors", "decoder.final_layer_norm.weight")),
        ["adafactor-optax-momentum-decay"] = (["optimizers"],
            c => Scale(c, Optimizers + "adafactor-optax-momentum-decay.safetensors", "step1.nearly")),
        ["spiece.model: special ids"] = Vocabulary(Mini, r => r["pieces"] = 601),
        ["spiece.model: ids"] = Vocabulary(Mini, r => r["texts"]![60]!["sentencepiece"]!.AsArray().Add(5)),
        ["spiece.model: decoded texts"] = Vocabulary(Mini, r => r["texts"]![60]!["decoded"] += "!"),
        ["spiece.model: normalized texts"] = Vocabulary(Mini, r => r["texts"]![60]!["normalized"] += "!"),
        ["spiece.model: ids with special tokens"] = Vocabulary(T5, r => r["with_special_tokens"]![0]!["fast"]![1] = 9),
        ["spiece.model: decoded texts with special tokens"] = Vocabulary(T5, r => r["with_special_tokens"]![0]!["decoded"] += "!"),
        ["spiece.model: truncation"] = Vocabulary(T5, r => r["truncation"]![2]!["ids"]![1] = 9),
        ["untied-no-metadata: weights"] = Checkpoint(c => Scale(c, Checkpoints + "untied-no-metadata/model.safetensors", "shared.weight")),
        ["untied-bf16: logits"] = Checkpoint(c => c.EditJson(Checkpoints + "untied-bf16/config.json", r => r["layer_norm_epsilon"] = 2e-6)),
        ["evil-bin: refused"] = Checkpoint(c =>
        {
            foreach (string file in new[] { "config.json", "pytorch_model.bin" })
                File.Copy(c.PathOf($"{Checkpoints}untied-bin/{file}"), c.PathOf($"{Checkpoints}evil-bin/{file}"), overwrite: true);
        }),
        ["equations"] = Metric(r => r["eval_equation"]![0]!["repr"] = "6.5"),
        ["equations outside the grammar have no value"] = Metric(r => r["eval_equation"]![0]!["type"] = "str"),
        ["equation accuracy"] = Metric(r => r["compute_equation_acc"]![0]!["elementwise"]![0]!["value"] = 0.0),
        ["parsed outputs"] = Metric(r => r["parse_llm_output"]![0]!["label"] = "6"),
        ["encoded texts"] = Metric(r => r["decode"]![0]!["ids"]![0] = 4),
        ["decoded texts"] = Metric(r => r["decode"]![0]!["decoded"] += "."),
        ["text metric"] = Metric(r => r["compute_metrics_text"]!["accuracy"] = 0.5),
        ["equation metric"] = Metric(r => r["compute_metrics_equation"]!["decoded_preds"]![0] = "6"),
    };

    public static TheoryData<string> Names => [.. Perturbations.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Run_WhenARecordedValueIsMoved_FailsThatCheckAlone(string check)
    {
        var (cases, perturb) = Perturbations[check];
        using var copy = new GoldenCopy(GoldenCopy.Repository, cases);
        perturb(copy);
        CheckResult[] failed = [.. copy.Run().Where(r => r.Pass == false)];
        // Ids stand for what is encoded and what is decoded, so a wrong one may show in both directions.
        Assert.Contains(check, failed.Select(r => r.Check));
        Assert.All(failed, r => Assert.True(r.Check == check || Shares(check, r.Check), r.ToString()));
        Assert.All(failed, r => Assert.True(r.Error > r.Allowed || r.Reason is not null, r.ToString()));
        Assert.All(failed, r => Assert.False(r.Worst is null && r.Reason is null, r.ToString()));
    }

    static bool Shares(string check, string other) => (check, other) is
        ("spiece.model: ids", "spiece.model: decoded texts")
            or ("spiece.model: ids with special tokens", "spiece.model: decoded texts with special tokens")
        or ("encoded texts", "decoded texts");

    static (string[], Action<GoldenCopy>) Model(Action<GoldenCopy> perturb) => (["models/shortest"], perturb);

    static (string[], Action<GoldenCopy>) Training(Action<JsonNode> edit) =>
        (["models/buckets"], c => c.EditJson(Buckets + "case.json", r => edit(r["training"]!["adamw"]!)));

    static (string[], Action<GoldenCopy>) Vocabulary(string folder, Action<JsonNode> edit) =>
        ([folder], c => c.EditJson(folder + "cases.json", edit));

    static (string[], Action<GoldenCopy>) Checkpoint(Action<GoldenCopy> perturb) =>
        (["checkpoints", "models/long/config.json", "models/long/model.safetensors"], perturb);

    static (string[], Action<GoldenCopy>) Metric(Action<JsonNode> edit) =>
        (["published/metrics/metrics.json", "tokenizers/t5/spiece.model"], c => c.EditJson(Metrics + "metrics.json", edit));

    // Far beyond every tolerance, far below what a look at the numbers would show.
    static void Scale(JsonNode parent, string key) => parent[key] = (double)parent[key]! * 1.0001;

    static void Scale(GoldenCopy copy, string file, string tensor) => copy.EditTensor<float>(file, tensor, values =>
    {
        int largest = 0;
        for (int i = 0; i < values.Length; i++) if (Math.Abs(values[i]) > Math.Abs(values[largest])) largest = i;
        values[largest] *= 1.0001f;
    });
}
