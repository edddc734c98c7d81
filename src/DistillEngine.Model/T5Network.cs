using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Model;

/// <summary>The structure of a T5: its two stacks and its head, as declared to a plan.</summary>
sealed class T5Network
{
    public T5Network(ModelPlan plan)
    {
        T5Config c = plan.Config;
        ParameterId shared = plan.Linear("shared", c.VocabularySize, c.DModel, 1, c.TiedHead ? ParameterUse.RowsAndLinear : ParameterUse.Rows);
        (EncoderBias, Encoder) = BuildEncoder(plan, shared);
        (DecoderBias, CrossAttentions, Decoder) = BuildDecoder(plan, shared);
        IReadOnlyList<ParameterSpec> specs = plan.Parameters.Specs;
        Head = c.TiedHead ? shared : plan.Linear("lm_head", c.VocabularySize, c.DModel, 1, ParameterUse.VocabularyLinear);
        // Keys and values of the encoder's output are computed once a source.
        TokenMaps =
        [
            .. Enumerable.Range(0, specs.Count).Where(i => specs[i].Use is ParameterUse.Linear or ParameterUse.SensitiveLinear
                && specs[i].Name.StartsWith("decoder.", StringComparison.Ordinal)
                && !specs[i].Name.EndsWith("EncDecAttention.k.weight", StringComparison.Ordinal)
                && !specs[i].Name.EndsWith("EncDecAttention.v.weight", StringComparison.Ordinal)).Select(i => new ParameterId(i)),
            Head,
        ];
    }

    public Stack Encoder { get; }
    public Stack Decoder { get; }
    public StackBias EncoderBias { get; }
    public StackBias DecoderBias { get; }
    public CrossAttention[] CrossAttentions { get; }

    /// <summary>The vocabulary's map: the embedding where it is tied.</summary>
    public ParameterId Head { get; }

    /// <summary>Every map that decoding a token goes through.</summary>
    public ParameterId[] TokenMaps { get; }

    static (StackBias, Stack) BuildEncoder(ModelPlan plan, ParameterId shared)
    {
        var (c, rows) = (plan.Config, plan.Limits.MaxSourceTokens);
        var bias = new StackBias(plan, "encoder", bidirectional: true);
        var layers = new List<SubLayer>();
        for (int i = 0; i < c.EncoderLayers; i++)
        {
            layers.Add(new SelfAttention(plan, $"encoder.block.{i}.layer.0", rows, i, Masking.None, bias));
            layers.Add(BuildFeedForward(plan, $"encoder.block.{i}.layer.1", rows));
        }
        return (bias, new Stack(plan, "encoder", rows, shared, [.. layers], c.EncoderLayers));
    }

    static (StackBias, CrossAttention[], Stack) BuildDecoder(ModelPlan plan, ParameterId shared)
    {
        var (c, rows) = (plan.Config, plan.Limits.MaxTargetTokens);
        var bias = new StackBias(plan, "decoder", bidirectional: false);
        var layers = new List<SubLayer>();
        var cross = new CrossAttention[c.DecoderLayers];
        for (int i = 0; i < c.DecoderLayers; i++)
        {
            layers.Add(new SelfAttention(plan, $"decoder.block.{i}.layer.0", rows, i, Masking.Causal, bias));
            layers.Add(cross[i] = new CrossAttention(plan, $"decoder.block.{i}.layer.1", i));
            layers.Add(BuildFeedForward(plan, $"decoder.block.{i}.layer.2", rows));
        }
        return (bias, cross, new Stack(plan, "decoder", rows, shared, [.. layers], c.DecoderLayers));
    }

    static SubLayer BuildFeedForward(ModelPlan plan, string prefix, int rows) =>
        plan.Config.FeedForward == FeedForwardKind.Relu ? new ReluFeedForward(plan, prefix, rows) : new GatedFeedForward(plan, prefix, rows);
}
