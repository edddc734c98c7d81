using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>The arguments of the reference optimizers, each with its own names, defaults and signs, as ours.</summary>
static class DialectOptions
{
    // torch.finfo(torch.float64).eps: the truths are computed in float64, for which torch's Adafactor takes this where eps[0] is None.
    const double Float64Epsilon = 2.220446049250313e-16;

    /// <param name="run">A run with its <c>optimizer</c> (Python class) and <c>options</c> (its keyword arguments).</param>
    /// <returns>What is not built yet, or null.</returns>
    /// <exception cref="InvalidDataException">The class is none that is known.</exception>
    public static string? Read(GoldenJson run, out OptimizerOptions options)
    {
        GoldenJson given = run["options"];
        switch (run["optimizer"].Text)
        {
            case "torch.optim.AdamW":
                options = AdamW("adamw", given, 1e-2);
                return null;
            case "transformers.AdamW" or "transformers.optimization.AdamW":
                options = AdamW("adamw-hf", given, 0);
                return given.FindValue("correct_bias")?.Boolean == false ? "correct_bias false" : null;
            case "transformers.Adafactor" or "transformers.optimization.Adafactor":
                options = HuggingFace(given);
                return null;
            case "torch.optim.Adafactor":
                options = Torch(given);
                return null;
            case "optax.adafactor":
                options = Optax(given);
                return MissingOfOptax(given);
            default:
                throw run["optimizer"].Error("",
                    "torch.optim.AdamW, transformers.AdamW, transformers.Adafactor, torch.optim.Adafactor or optax.adafactor");
        }
    }

    static OptimizerOptions AdamW(string name, GoldenJson given, double weightDecay)
    {
        IReadOnlyList<GoldenJson>? betas = given.FindValue("betas")?.Items;
        return new OptimizerOptions
        {
            Name = name, LearningRate = given.FindValue("lr")?.Number ?? 1e-3, DecayNorms = true,
            WeightDecay = given.FindValue("weight_decay")?.Number ?? weightDecay,
            Beta1 = betas?[0].Number, Beta2 = betas?[1].Number, Epsilon = given.FindValue("eps")?.Number ?? (name == "adamw" ? 1e-8 : 1e-6),
        };
    }

    static OptimizerOptions HuggingFace(GoldenJson given)
    {
        IReadOnlyList<GoldenJson>? epsilons = given.FindValue("eps")?.Items;
        return new OptimizerOptions
        {
            Name = "adafactor-huggingface", LearningRate = given.FindValue("lr")?.Number, DecayNorms = true,
            WeightDecay = given.FindValue("weight_decay")?.Number ?? 0, Beta1 = given.FindValue("beta1")?.Number,
            Epsilon1 = epsilons?[0].Number, Epsilon2 = epsilons?[1].Number, ClipThreshold = given.FindValue("clip_threshold")?.Number,
            DecayRate = -given.FindValue("decay_rate")?.Number, ScaleParameter = given.FindValue("scale_parameter")?.Boolean ?? true,
            RelativeStep = given.FindValue("relative_step")?.Boolean ?? true, WarmupInit = given.FindValue("warmup_init")?.Boolean,
        };
    }

    static OptimizerOptions Torch(GoldenJson given)
    {
        IReadOnlyList<GoldenJson>? epsilons = given.FindValue("eps")?.Items;
        return new OptimizerOptions
        {
            Name = "adafactor-torch", LearningRate = given.FindValue("lr")?.Number ?? 1e-2, DecayNorms = true,
            WeightDecay = given.FindValue("weight_decay")?.Number ?? 0,
            Epsilon1 = epsilons is null || epsilons[0].IsNull ? Float64Epsilon : epsilons[0].Number, Epsilon2 = epsilons?[1].Number,
            ClipThreshold = given.FindValue("d")?.Number, DecayRate = -given.FindValue("beta2_decay")?.Number,
        };
    }

    static OptimizerOptions Optax(GoldenJson given) => new()
    {
        Name = "adafactor-optax", LearningRate = given["learning_rate"].Number, DecayNorms = true,
        WeightDecay = given.FindValue("weight_decay_rate")?.Number ?? 0, Beta1 = given.FindValue("momentum")?.Number,
        Epsilon1 = given.FindValue("eps")?.Number, ClipThreshold = Threshold(given), DecayRate = given.FindValue("decay_rate")?.Number,
        ScaleParameter = given.FindValue("multiply_by_parameter_scale")?.Boolean,
    };

    /// <summary>optax: absent means 1, None means that nothing is clipped, which ours calls 0.</summary>
    static double? Threshold(GoldenJson given)
    {
        foreach (var (name, value) in given.Members)
            if (name == "clipping_threshold") return value.IsNull ? 0 : value.Number;
        return null;
    }

    static string? MissingOfOptax(GoldenJson given)
    {
        if (given.FindValue("decay_offset") is { Integer: not 0 }) return "decay_offset";
        if (given.FindValue("factored") is { Boolean: false }) return "factored false";
        bool isUsual = given.FindValue("min_dim_size_to_factor") is null or { Integer: Kernels.Adafactor.OptaxLeastFactored };
        return isUsual ? null : "min_dim_size_to_factor";
    }
}
