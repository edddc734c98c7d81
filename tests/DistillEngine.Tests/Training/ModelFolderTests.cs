using DistillEngine.Formats;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Tests.Formats;
using DistillEngine.Tests.Model;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

public class ModelFolderTests
{
    const string Head = "lm_head.weight";
    const string Shared = "shared.weight";

    public static TheoryData<string> Names => TinyModels.Names;

    [Theory, MemberData(nameof(Names))]
    public void Save_ThenOpen_GivesTheSameModel(string name)
    {
        using var folder = new TemporaryFolder();
        using var backend = CpuBackend.Open(1);
        using T5Model saved = TinyModels.Create(name, backend), read = Load(folder, saved, backend);
        Assert.Equal(saved.Config, read.Config);
        Assert.Equal(TinyModels.Read(saved.Parameters.AllValues), TinyModels.Read(read.Parameters.AllValues));
    }

    [Fact]
    public void Save_WithATemplate_KeepsTheKeysItDoesNotKnow()
    {
        using var folder = new TemporaryFolder();
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(TinyModels.Version11, backend);
        var template =
            HuggingFaceConfig.Parse("""{"my_own":{"list":[1,2.50,"x"]},"d_model":3,"dtype":"bfloat16","task_specific_params":null}"""u8, "config.json");
        ModelFolder.Save(folder.Path, model.Config, model.Parameters, backend, template, tokenizer: null);
        string text = File.ReadAllText(folder["config.json"]);
        Assert.Contains("2.50", text, StringComparison.Ordinal);
        var config = HuggingFaceConfig.Load(folder["config.json"]);
        Assert.True(config.Contains("my_own"));
        Assert.Equal((model.Config.DModel, "float32"), (config.GetInt32("d_model"), config.GetString("torch_dtype")));
        Assert.False(config.Contains("dtype"));
        Assert.Contains("task_specific_params", text, StringComparison.Ordinal);
    }

    /// <summary>How tie, scale and head of a checkpoint are told apart.</summary>
    public static TheoryData<string, string, string, bool, bool> Ties => new()
    {
        // configuration, what the weights hold as head, tied, scaled
        { "v1.0 as published", "{}", "none", true, true },
        { "v1.0 with a copy of the embedding", "{}", "same", true, true },
        { "v1.0 that says so", """{"tie_word_embeddings":true}""", "none", true, true },
        { "v1.1 as published", """{"tie_word_embeddings":false}""", "other", false, false },
        { "v1.1 written by transformers 5", """{"tie_word_embeddings":true,"scale_decoder_outputs":false}""", "other", false, false },
        { "untied with equal weights", """{"tie_word_embeddings":false}""", "same", true, false },
        { "tied but with a head of its own", """{"tie_word_embeddings":true}""", "other", false, true },
        { "mT5, whose default is untied", """{"model_type":"mt5"}""", "other", false, false },
        { "scaled by its own key", """{"tie_word_embeddings":false,"scale_decoder_outputs":true}""", "other", false, true },
    };

    [Theory, MemberData(nameof(Ties))]
    public void Open_TellsTieAndScaleFromTheFiles(string description, string keys, string head, bool isTied, bool isScaled)
    {
        using var folder = new TemporaryFolder();
        Checkpoint(folder, keys, head);
        using ModelFolder model = ModelFolder.Open(folder.Path);
        model.CheckWeights();
        Assert.True((isTied, isScaled) == (model.Config.TiedHead, model.Config.ScaleDecoderOutputs),
            $"{description}: tied {model.Config.TiedHead}, scaled {model.Config.ScaleDecoderOutputs}");
    }

    [Fact]
    public void CheckWeights_OfAnUntiedModelWithoutAHead_SaysWhatIsMissing()
    {
        using var folder = new TemporaryFolder();
        Checkpoint(folder, """{"tie_word_embeddings":false}""", "none");
        using ModelFolder model = ModelFolder.Open(folder.Path);
        Assert.Contains(Head, Assert.Throws<InvalidDataException>(model.CheckWeights).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("encoder.embed_tokens.weight")]
    [InlineData("decoder.embed_tokens.weight")]
    public void Open_WhenTheEmbeddingStandsUnderAnotherName_FindsIt(string alias)
    {
        using var folder = new TemporaryFolder();
        using var backend = CpuBackend.Open(1);
        using T5Model saved = TinyModels.Create(TinyModels.Version10, backend);
        using T5Model read = Load(folder, saved, backend, source =>
            [.. source.Names.Select(n => n == Shared ? Renamed(source, n, alias) : TensorToSave.FromSource(source, n))]);
        Assert.Equal(TinyModels.Read(saved.Parameters.AllValues), TinyModels.Read(read.Parameters.AllValues));
    }

    [Fact]
    public void CheckWeights_WhenATensorBelongsToNoT5_NamesIt()
    {
        using var folder = new TemporaryFolder();
        using var backend = CpuBackend.Open(1);
        using T5Model saved = TinyModels.Create(TinyModels.Version10, backend);
        var error = Assert.Throws<InvalidDataException>(() => Load(folder, saved, backend,
            source =>
                [.. source.Names.Select(n => TensorToSave.FromSource(source, n)),
                TensorToSave.FromFloats("encoder.block.9.layer.0.layer_norm.weight", [2], new float[2])]));
        Assert.Contains("encoder.block.9.layer.0.layer_norm.weight", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Saves a model, rewrites its weights, and reads them into another.</summary>
    static T5Model Load(TemporaryFolder folder, T5Model saved, CpuBackend backend, Func<TensorSource, TensorToSave[]>? rewrite = null)
    {
        ModelFolder.Save(folder.Path, saved.Config, saved.Parameters, backend, template: null, tokenizer: null);
        if (rewrite is not null) Rewrite(folder, rewrite);
        using ModelFolder opened = ModelFolder.Open(folder.Path);
        var model = new T5Model(opened.Config, TinyModels.Limits, backend, training: true);
        try
        {
            opened.LoadInto(model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
        return model;
    }

    /// <summary>A small untied model as a checkpoint of another history.</summary>
    static void Checkpoint(TemporaryFolder folder, string keys, string head)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(TinyModels.Config(TinyModels.Version11), backend);
        ModelFolder.Save(folder.Path, model.Config, model.Parameters, backend, template: null, tokenizer: null);
        var config = HuggingFaceConfig.Load(folder["config.json"]);
        config.Remove("tie_word_embeddings");
        config.Remove("scale_decoder_outputs");
        var given = HuggingFaceConfig.Parse(System.Text.Encoding.UTF8.GetBytes(keys), "keys");
        foreach (string key in given.Keys)
            if (key == "model_type") config.Set(key, given.GetString(key));
            else config.Set(key, given.GetBoolean(key));
        config.Save(folder["config.json"]);
        Rewrite(folder, source =>
        [
            .. source.Names.Where(n => n != Head).Select(n => TensorToSave.FromSource(source, n)),
            .. head switch { "none" => Array.Empty<TensorToSave>(), "same" => [Renamed(source, Shared, Head)], _ => [TensorToSave.FromSource(source, Head)] },
        ]);
    }

    static void Rewrite(TemporaryFolder folder, Func<TensorSource, TensorToSave[]> rewrite)
    {
        string old = folder["old.safetensors"];
        File.Move(folder[ModelFiles.Safetensors], old);
        using (SafetensorsFile source = SafetensorsFile.Open(old)) SafetensorsWriter.Write(folder[ModelFiles.Safetensors], rewrite(source));
        File.Delete(old);
    }

    static TensorToSave Renamed(TensorSource source, string name, string newName)
    {
        float[] values = new float[source.Info(name).Count];
        source.Read(name, values);
        return TensorToSave.FromFloats(newName, [.. source.Info(name).Shape], values);
    }
}
