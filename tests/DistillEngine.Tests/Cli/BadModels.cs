using DistillEngine.Tests.Formats;
using static DistillEngine.Tests.Cli.BadInput;

namespace DistillEngine.Tests.Cli;

/// <summary>Models, weights and tokenizers that cannot be used.</summary>
static class BadModels
{
    const string Config = "model/config.json";
    const string Weights = "model/model.safetensors";
    const string Index = "model/model.safetensors.index.json";
    const string Bin = "model/pytorch_model.bin";
    const string Vocabulary = "model/spiece.model";
    const string FastVocabulary = "tokenizer/tokenizer.json";

    public static IEnumerable<BadInput> All =>
    [
        .. Configurations, .. Safetensors, .. Indexes, .. Bins, .. Tokenizers, .. Students, .. Checkpoints,
    ];

    static IEnumerable<BadInput> Configurations =>
    [
        new("no configuration", Inspect, Config, "", w => w.Delete(Config)),
        new("empty configuration", Inspect, Config, "not valid JSON", w => w.Write(Config, "")),
        new("configuration that is a list", Inspect, Config, "not a JSON object", w => w.Write(Config, "[1]")),
        new("configuration cut short", Inspect, Config, "not valid JSON", w => w.Cut(Config, 40)),
        new("configuration nested without end", Inspect, Config, "not valid JSON", w => w.Write(Config, "{\"a\":" + new string('[', 100_000))),
        new("configuration of zeros", Inspect, Config, "not valid JSON", w => w.Write(Config, new byte[200])),
        ConfigOf("no width", "d_model", null, "d_model"),
        ConfigOf("width that is a text", "d_model", "\"64\"", "d_model"),
        ConfigOf("fractional width", "d_model", "64.5", "d_model"),
        ConfigOf("width of zero", "d_model", "0", "d_model"),
        ConfigOf("width beyond 31 bits", "d_model", "2147483648", "d_model"),
        ConfigOf("endless feed-forward", "d_ff", "100000000", "d_ff is 100000000"),
        ConfigOf("endless heads", "num_heads", "1000000", "num_heads · d_kv is"),
        ConfigOf("negative heads", "num_heads", "-4", "num_heads"),
        ConfigOf("endless depth", "num_layers", "2000000000", "num_layers is 2000000000"),
        ConfigOf("model of another kind", "model_type", "\"bert\"", "'bert', expected t5 or mt5"),
        ConfigOf("unknown feed-forward", "feed_forward_proj", "\"gated-silu\"", "gated-silu"),
        ConfigOf("certain dropout", "dropout_rate", "1.5", "dropout_rate is 1.5"),
        new("targets that start with no padding", FineTune, "model", "decoder_start_token_id is 3", w => w.Set(Config, "decoder_start_token_id", "3")),
        ConfigOf("epsilon of zero", "layer_norm_epsilon", "0", "layer_norm_epsilon is 0"),
        ConfigOf("odd buckets", "relative_attention_num_buckets", "31", "31 buckets"),
        ConfigOf("endless distance", "relative_attention_max_distance", "2000000000", "distance of 2000000000"),
        ConfigOf("end outside the vocabulary", "eos_token_id", "5000", "eos_token_id is 5000"),
        ConfigOf("tie that is a text", "tie_word_embeddings", "\"yes\"", "tie_word_embeddings"),
        new("heads of a configuration alone", InspectFile(Config), Config, "num_heads", w => w.Set(Config, "num_heads", "0")),
        new("buckets of a configuration alone", InspectFile(Config), Config, "buckets", w => w.Set(Config, "relative_attention_num_buckets", "2147483647")),
        new("configuration for eval", Evaluate, Config, "d_kv", w => w.Set(Config, "d_kv", "-1")),
        new("configuration for predict", Predict, Config, "not valid JSON", w => w.Write(Config, "{")),
        new("configuration to train from", FineTune, Config, "num_decoder_layers", w => w.Set(Config, "num_decoder_layers", "0")),
        new("no such model", Evaluate, "model", "", w => w.Delete("model")),
    ];

    static IEnumerable<BadInput> Safetensors =>
    [
        new("weights of another width", Inspect, Weights, "expected [128, 65]", w => w.Set(Config, "d_model", "65")),
        new("weights of a smaller vocabulary", Inspect, Weights, "shared.weight", w => w.Set(Config, "vocab_size", "2000000000")),
        new("weights of fewer layers", Inspect, Weights, "encoder.block.2", w => w.Set(Config, "num_layers", "900")),
        new("weights of more layers", Inspect, Weights, "belongs to no T5", w => w.Set(Config, "num_layers", "1")),
        new("weights that are no numbers", Predict, Weights, "expected a finite number",
            w => w.Write(Weights, [.. w.Bytes(Weights)[..^4], .. BitConverter.GetBytes(float.NaN)])),
        new("empty weights", Inspect, Weights, "has 0 bytes", w => w.Write(Weights, "")),
        new("weights that are a pointer", Inspect, Weights, "", w => w.Write(Weights, "version https://git-lfs.github.com/spec/v1\n")),
        new("weights with an endless header", Inspect, Weights, "exceeds", w => w.Write(Weights, BinFiles.Numbers(1L << 60))),
        new("weights cut short", Inspect, Weights, "cut short", w => w.Cut(Weights, -1)),
        new("weights with bytes behind them", Inspect, Weights, "the file has", w => w.Write(Weights, [.. w.Bytes(Weights), 0])),
        new("weights whose header is no JSON", Inspect, Weights, "not valid JSON", w => w.Patch(Weights, "\"dtype\"", "\"dtype}")),
        new("weights of integers", Inspect, Weights, "floating-point", w => w.Patch(Weights, "\"F32\"", "\"I32\"")),
        new("weights of an unknown type", Inspect, Weights, "element type", w => w.Patch(Weights, "\"F32\"", "\"X32\"")),
        new("weights without a tensor", Inspect, Weights, "shared.weight", w => w.Patch(Weights, "shared.weight", "shaped.weight")),
        new("no weights", Inspect, "model", "holds no model weights", w => w.Delete(Weights)),
        new("weights alone", InspectFile(Weights), Weights, "cut short", w => w.Cut(Weights, 5000)),
        new("weights for eval", Evaluate, Weights, "cut short", w => w.Cut(Weights, -100)),
        new("weights for predict", Predict, Weights, "has 3 bytes", w => w.Cut(Weights, 3)),
        new("weights to train from", FineTune, Weights, "cut short", w => w.Cut(Weights, -100)),
        new("weights that are a folder", Inspect, "model", "", w => { w.Delete(Weights); Directory.CreateDirectory(w[Weights]); }),
    ];

    static IEnumerable<BadInput> Indexes =>
    [
        IndexOf("index that is no JSON", Index, "not valid JSON", "{"),
        IndexOf("index without a map", Index, "weight_map", "{}"),
        IndexOf("index of a missing shard", Index, "a.safetensors", """{"weight_map":{"shared.weight":"a.safetensors"}}"""),
        IndexOf("index that leaves the folder", Index, "not the name of a file beside the index", """{"weight_map":{"shared.weight":"../../etc/passwd"}}"""),
        IndexOf("index of a number", Index, "shared.weight", """{"weight_map":{"shared.weight":3}}"""),
    ];

    static IEnumerable<BadInput> Bins =>
    [
        BinOf("bin that is text", "neither a zip nor a legacy file", _ => "hello, this is no checkpoint"u8.ToArray()),
        BinOf("empty bin", "", _ => []),
        BinOf("bin that runs a program", "global", _ => Golden("evil-bin")),
        BinOf("zip cut short", "", _ => Golden("untied-bin")[..^30]),
        BinOf("zip without its start", "", _ => Golden("untied-bin")[100..]),
        BinOf("legacy bin cut short", "cut short", _ => Golden("untied-bin-legacy")[..^1]),
        new("bin alone", InspectFile("x.bin"), "x.bin", "", w => w.Write("x.bin", Golden("untied-bin")[..5000])),
        new("bin of another model", Inspect, Bin, "shape", w => { w.Delete(Weights); w.Write(Bin, Golden("untied-bin")); }),
    ];

    static IEnumerable<BadInput> Tokenizers =>
    [
        new("empty vocabulary", Inspect, Vocabulary, "", w => w.Write(Vocabulary, "")),
        new("vocabulary that is text", InspectFile(Vocabulary), Vocabulary, "", w => w.Write(Vocabulary, "hello, this is no vocabulary")),
        new("vocabulary cut short", Predict, Vocabulary, "", w => w.Cut(Vocabulary, 300)),
        new("vocabulary of another kind", Evaluate, Vocabulary, "", w => w.Write(Vocabulary, new byte[64])),
        new("vocabulary to train with", Train, "tokenizer/spiece.model", "", w => w.Cut("tokenizer/spiece.model", -3)),
        new("vocabulary without padding", Inspect, Vocabulary, "no piece '<pad>'", w => w.Patch(Vocabulary, "<pad>", "<pat>")),
        new("vocabulary without padding to train with", Train, "tokenizer/spiece.model", "no piece '<pad>'", w =>
            w.Patch("tokenizer/spiece.model", "<pad>", "<pat>")),
        new("no vocabulary", Train, "tokenizer", "spiece.model", w => w.Delete("tokenizer/spiece.model")),
        new("no vocabulary for predict", Predict, "model", "spiece.model", w => w.Delete(Vocabulary)),
        new("no such tokenizer", [.. Train[..8], "@none", .. Train[9..]], "none", "", _ => { }),
        new("more ids than the model", Predict, "model", "only 128", w => w.Write("model/tokenizer_config.json", """{"extra_ids":500}""")),
        new("more ids than the model to train", FineTune, "model", "only 128", w => w.Write("model/tokenizer_config.json", """{"extra_ids":500}""")),
        new("negative count of sentinels", Inspect, "model/tokenizer_config.json", "extra_ids is -1", w =>
            w.Write("model/tokenizer_config.json", """{"extra_ids":-1}""")),
        new("settings that are no JSON", Train, "tokenizer/tokenizer_config.json", "not valid JSON", w => w.Write("tokenizer/tokenizer_config.json", "{")),
        FastOf("tokenizer.json that is no JSON", "{\"model\":"),
        FastOf("tokenizer.json that is a list", "[]"),
        FastOf("tokenizer.json without a model", "{}"),
        FastOf("tokenizer.json of merges", """{"model":{"type":"BPE","vocab":{},"merges":[]}}"""),
        FastOf("tokenizer.json with a bad piece", """{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>","x"]]}}"""),
        FastOf("tokenizer.json with an unknown that is not there", """{"model":{"type":"Unigram","unk_id":7,"vocab":[["<unk>",0],["a",-1]]}}"""),
    ];

    static IEnumerable<BadInput> Students =>
    [
        new("student file that is no JSON", Predict, "model/distill.json", "", w => w.Write("model/distill.json", "{")),
        new("student file that is null", Predict, "model/distill.json", "schema", w => w.Write("model/distill.json", "null")),
        new("student file of another schema", Inspect, "model/distill.json", "distill.model/1", w =>
            w.Set("model/distill.json", "schema", "\"distill.model/2\"")),
        new("student file without a task", Evaluate, "model/distill.json", "task", w => w.Set("model/distill.json", "task", null)),
        new("student file whose task is null", Evaluate, "model/distill.json", "task", w => w.Set("model/distill.json", "task", "null")),
        new("student file of an unknown method", Evaluate, "model/distill.json", "", w => w.Set("model/distill.json", "method", "\"both\"")),
        new("student without its task file", Evaluate, "model/task.json", "", w => w.Delete("model/task.json")),
        new("student with a damaged task file", Inspect, "model/task.json", "", w => w.Cut("model/task.json", 50)),
        new("no student file", Evaluate, "model", "--task", w => w.Delete("model/distill.json")),
    ];

    static IEnumerable<BadInput> Checkpoints =>
    [
        CheckpointOf("state that is no JSON", "state.json", "", (w, f) => w.Write(f, "{")),
        CheckpointOf("state that is null", "state.json", "null", (w, f) => w.Write(f, "null")),
        CheckpointOf("state without a step", "state.json", "step", (w, f) => w.Set(f, "step", null)),
        CheckpointOf("state of another schema", "state.json", "distill.state/1", (w, f) => w.Set(f, "schema", "\"distill.state/9\"")),
        CheckpointOf("state whose settings are null", "state.json", "settings", (w, f) => w.Set(f, "settings", "null")),
        CheckpointOf("state at no step's start", "state.json", "", (w, f) => w.Set(f, "row", "3")),
        CheckpointOf("state of a negative step", "state.json", "", (w, f) => w.Set(f, "optimizerStep", "-1")),
        CheckpointOf("optimizer cut short", "optimizer.safetensors", "cut short", (w, f) => w.Cut(f, -8)),
        CheckpointOf("optimizer without a moment", "optimizer.safetensors", "exp_avg", (w, f) =>
            w.Patch(f, "shared.weight.exp_avg\"", "shared.weight.exp_ave\"")),
        CheckpointOf("weights of a checkpoint cut short", "model.safetensors", "cut short", (w, f) => w.Cut(f, -8)),
        CheckpointOf("another model in a checkpoint", "config.json", "", (w, f) => w.Set(f, "dropout_rate", "0.3")),
        new("checkpoint without a state", Resume, "model/checkpoints/step-00000006/state.json", "", w =>
            w.Delete("model/checkpoints/step-00000006/state.json")),
    ];

    static BadInput ConfigOf(string description, string key, string? value, string reason) =>
        new(description, Inspect, Config, reason, w => w.Set(Config, key, value));

    static BadInput IndexOf(string description, string file, string reason, string json) => new(description, Inspect, file, reason, w =>
    {
        w.Delete(Weights);
        w.Write(Index, json);
    });

    static BadInput BinOf(string description, string reason, Func<Workspace, byte[]> bytes) => new(description, Inspect, Bin, reason, w =>
    {
        w.Delete(Weights);
        w.Write(Bin, bytes(w));
    });

    static BadInput FastOf(string description, string json) =>
        new(description, InspectFile(FastVocabulary), FastVocabulary, "", w => w.Write(FastVocabulary, json));

    static BadInput CheckpointOf(string description, string file, string reason, Action<Workspace, string> damage)
    {
        string path = $"model/checkpoints/step-00000006/{file}";
        return new(description, Resume, path, reason, w => damage(w, path));
    }

    static byte[] Golden(string folder) => File.ReadAllBytes(GoldenFolders.InRepository("checkpoints", folder, "pytorch_model.bin"));
}
