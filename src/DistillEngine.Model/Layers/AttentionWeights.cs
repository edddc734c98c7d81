using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>The four maps of one attention.</summary>
/// <remarks>Initial deviations: Hugging Face modeling_t5.T5PreTrainedModel._init_weights; the missing 1/√d_kv of the scores is in q's.</remarks>
sealed class AttentionWeights
{
    public AttentionWeights(ModelPlan plan, string name)
    {
        T5Config c = plan.Config;
        Q = plan.Linear($"{name}.q", c.InnerWidth, c.DModel, 1 / Math.Sqrt((double)c.DModel * c.DKv));
        K = plan.Linear($"{name}.k", c.InnerWidth, c.DModel, 1 / Math.Sqrt(c.DModel));
        V = plan.Linear($"{name}.v", c.InnerWidth, c.DModel, 1 / Math.Sqrt(c.DModel));
        O = plan.Linear($"{name}.o", c.DModel, c.InnerWidth, 1 / Math.Sqrt(c.InnerWidth));
    }

    public ParameterId Q { get; }
    public ParameterId K { get; }
    public ParameterId V { get; }
    public ParameterId O { get; }
}
