using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>How one recorded training run of a model was made.</summary>
/// <param name="Schedule">Of the learning rate; of no effect where the optimizer sets its own.</param>
sealed record TrainingRunSettings(OptimizerOptions Optimizer, LearningRateSchedule Schedule, double Alpha, float Clip)
{
    public static TrainingRunSettings Read(GoldenJson settings, int steps)
    {
        double rate = settings.FindValue("rate")?.Number ?? 0;
        string schedule = settings.FindValue("schedule")?.Text ?? "constant";
        int warmup = settings.FindValue("warmup")?.Integer ?? 0;
        int total = settings.FindValue("steps")?.Integer ?? steps;
        return new(ReadOptimizer(settings), LearningRateSchedule.Create(schedule, rate, warmup, total), settings["alpha"].Number,
            (float)settings["clip"].Number);
    }

    static OptimizerOptions ReadOptimizer(GoldenJson settings)
    {
        string name = settings["optimizer"].Text;
        double? rate = settings.FindValue("rate")?.Number;
        if (settings.FindValue("weight_decay_on") is { } decayed && decayed.Text != "all parameters")
            throw decayed.Error("", "all parameters");
        if (name.StartsWith("adamw", StringComparison.Ordinal))
        {
            IReadOnlyList<GoldenJson>? betas = settings.FindValue("betas")?.Items;
            return new OptimizerOptions
            {
                Name = name, LearningRate = rate, DecayNorms = true, WeightDecay = settings.FindValue("weight_decay")?.Number ?? 0,
                Beta1 = betas?[0].Number, Beta2 = betas?[1].Number, Epsilon = settings.FindValue("epsilon")?.Number,
            };
        }
        GoldenJson options = settings["options"];
        IReadOnlyList<GoldenJson>? epsilons = settings.FindValue("epsilons")?.Items;
        return new OptimizerOptions
        {
            Name = name, LearningRate = rate, DecayNorms = true, WeightDecay = options.FindValue("weight_decay")?.Number ?? 0,
            Beta1 = options.FindValue("beta1")?.Number, Epsilon1 = epsilons?[0].Number, Epsilon2 = epsilons?[1].Number,
            ClipThreshold = options.FindValue("clip_threshold")?.Number, DecayRate = -settings.FindValue("decay_rate")?.Number,
            ScaleParameter = options.FindValue("scale_parameter")?.Boolean, RelativeStep = options.FindValue("relative_step")?.Boolean,
            WarmupInit = options.FindValue("warmup_init")?.Boolean,
        };
    }
}
