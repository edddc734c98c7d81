using System.Diagnostics.CodeAnalysis;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Training;

/// <summary>The optimizers by name: the one list that options, help and checkpoints use.</summary>
public static class Optimizers
{
    // torch.finfo(torch.float32).eps, which torch.optim.Adafactor takes for float32 parameters.
    const double Float32Epsilon = 1.1920928955078125e-7;

    /// <summary>All names; <c>adafactor</c> is Hugging Face's.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["adamw", "adamw-hf", "adafactor", "adafactor-huggingface", "adafactor-optax", "adafactor-torch"];

    /// <summary>Builds the optimizer that the options name.</summary>
    /// <exception cref="ArgumentException">An option is unknown, out of range, or contradicts another.</exception>
    /// <exception cref="InvalidOperationException">The store holds no gradients.</exception>
    /// <exception cref="InsufficientMemoryException">The device lacks memory for the state.</exception>
    public static IOptimizer Create(OptimizerOptions options, ParameterStore parameters, KernelSet kernels, IDevice device) => options.Name switch
    {
        "adamw" or "adamw-hf" =>
            new AdamWOptimizer(options.Name, AdamWNumbers(options), options.DecayNorms, parameters, kernels, device),
        _ => new AdafactorOptimizer(options.Name, AdafactorNumbers(options), options.DecayNorms, parameters, kernels, device),
    };

    /// <summary>Bytes of the state of an optimizer over these parameters, before it is built.</summary>
    /// <exception cref="ArgumentException">An option is unknown, out of range, or contradicts another.</exception>
    public static long StateBytes(OptimizerOptions options, IReadOnlyList<ParameterSpec> specs)
    {
        Validate(options);
        return options.Name is "adamw" or "adamw-hf"
            ? 2 * sizeof(float) * ParameterStore.FlatLengthOf(specs)
            : AdafactorOptimizer.Measure(AdafactorNumbers(options), specs);
    }

    /// <summary>The rate of a run that names none: for AdamW the lower end of what T5 is fine-tuned with, for Hugging Face's Adafactor its
    /// relative step (null), for T5X's its fine-tuning constant, for torch's its own default.</summary>
    public static double? DefaultLearningRate(string name) => name switch
    {
        "adamw" or "adamw-hf" => 1e-4,
        "adafactor-optax" => 1e-3,
        "adafactor-torch" => 1e-2,
        _ => null,
    };

    /// <summary>Checks options without building anything.</summary>
    /// <exception cref="ArgumentException">An option is unknown, out of range, or contradicts another.</exception>
    public static void Validate(OptimizerOptions options)
    {
        if (options.Name is "adamw" or "adamw-hf")
            AdamWNumbers(options);
        else
            AdafactorNumbers(options);
    }

    /// <summary>Whether weight decay reaches a parameter when norms are exempt.</summary>
    internal static bool DecaysWithoutNorms(ParameterSpec spec) =>
        !spec.IsVector && !spec.Name.EndsWith("relative_attention_bias.weight", StringComparison.Ordinal);

    static AdamWStep AdamWNumbers(OptimizerOptions o)
    {
        CheckCommon(o);
        if (o.LearningRate is null) Throw(o, "needs a learning rate", "give one");
        Refuse(o, o.Epsilon1, nameof(o.Epsilon1));
        Refuse(o, o.Epsilon2, nameof(o.Epsilon2));
        Refuse(o, o.ClipThreshold, nameof(o.ClipThreshold));
        Refuse(o, o.DecayRate, nameof(o.DecayRate));
        RefuseTrue(o, o.ScaleParameter, nameof(o.ScaleParameter));
        RefuseTrue(o, o.RelativeStep, nameof(o.RelativeStep));
        RefuseTrue(o, o.WarmupInit, nameof(o.WarmupInit));
        return new AdamWStep(
            o.Name == "adamw" ? AdamWForm.Torch : AdamWForm.HuggingFace, Step: 0, LearningRate: 0, Beta(o, o.Beta1 ?? 0.9, nameof(o.Beta1)),
            Beta(o, o.Beta2 ?? 0.999, nameof(o.Beta2)), Positive(o, o.Epsilon ?? 1e-8, nameof(o.Epsilon)), o.WeightDecay, Clip: 0);
    }

    static AdafactorStep AdafactorNumbers(OptimizerOptions o)
    {
        AdafactorDialect dialect = o.Name switch
        {
            "adafactor" or "adafactor-huggingface" => AdafactorDialect.HuggingFace,
            "adafactor-optax" => AdafactorDialect.Optax,
            "adafactor-torch" => AdafactorDialect.Torch,
            _ => throw new ArgumentException($"There is no optimizer '{o.Name}', expected one of {string.Join(", ", Names)}."),
        };
        CheckCommon(o);
        Refuse(o, o.Beta2, nameof(o.Beta2));
        Refuse(o, o.Epsilon, nameof(o.Epsilon));
        if (dialect == AdafactorDialect.Torch) Refuse(o, o.Beta1, nameof(o.Beta1));
        if (dialect == AdafactorDialect.Optax) Refuse(o, o.Epsilon2, nameof(o.Epsilon2));
        if (dialect == AdafactorDialect.Torch && o.ScaleParameter == false)
            Throw(o, "always scales by the parameter", "leave ScaleParameter out, or choose another dialect");
        bool relative = RelativeStep(o, dialect);
        double threshold = o.ClipThreshold ?? 1;
        double leastThreshold = dialect == AdafactorDialect.Torch ? 1 : 0;
        if (!(threshold >= leastThreshold && double.IsFinite(threshold)) || (threshold == 0 && dialect != AdafactorDialect.Optax))
        {
            string range = dialect switch { AdafactorDialect.Torch => "1 or more", AdafactorDialect.Optax => "0 or more", _ => "above 0" };
            Throw(o, $"has ClipThreshold {threshold}", $"it must be {range}");
        }
        double epsilon2 = o.Epsilon2 ?? 1e-3;
        if (!(epsilon2 >= 0 && double.IsFinite(epsilon2))) Throw(o, $"has Epsilon2 {epsilon2}", "it must be 0 or more");
        double epsilon1 = o.Epsilon1 ?? (dialect == AdafactorDialect.Torch ? Float32Epsilon : 1e-30);
        return new AdafactorStep(dialect, Step: 0, LearningRate: 0, Positive(o, o.DecayRate ?? 0.8, nameof(o.DecayRate)),
            Positive(o, epsilon1, nameof(o.Epsilon1)), epsilon2, threshold, Beta(o, o.Beta1 ?? 0, nameof(o.Beta1)), o.WeightDecay,
            o.ScaleParameter ?? (dialect != AdafactorDialect.HuggingFace || relative), relative, o.WarmupInit ?? false, Clip: 0);
    }

    static bool RelativeStep(OptimizerOptions o, AdafactorDialect dialect)
    {
        if (dialect != AdafactorDialect.HuggingFace)
        {
            RefuseTrue(o, o.RelativeStep, nameof(o.RelativeStep));
            RefuseTrue(o, o.WarmupInit, nameof(o.WarmupInit));
            if (o.LearningRate is null) Throw(o, "needs a learning rate", "give one (references: 1e-2 with scaling by the parameter)");
            return false;
        }
        bool relative = o.RelativeStep ?? o.LearningRate is null;
        if (relative && o.LearningRate is not null) Throw(o, "has a learning rate beside RelativeStep", "leave one of them out");
        if (!relative && o.LearningRate is null)
            Throw(o, "has neither a learning rate nor RelativeStep", "give one of them (1e-3 fine-tunes T5)");
        if (o.WarmupInit == true && !relative)
            Throw(o, "has WarmupInit without RelativeStep", "leave out WarmupInit, whose warm-up the schedule can do");
        return relative;
    }

    static void CheckCommon(OptimizerOptions o)
    {
        if (o.LearningRate is { } rate && !(rate >= 0 && double.IsFinite(rate)))
            Throw(o, $"has learning rate {rate}", "it must be 0 or more");
        if (!(o.WeightDecay >= 0 && double.IsFinite(o.WeightDecay))) Throw(o, $"has WeightDecay {o.WeightDecay}", "it must be 0 or more");
    }

    static double Beta(OptimizerOptions o, double value, string name)
    {
        if (!(value is >= 0 and < 1)) Throw(o, $"has {name} {value}", "it must be 0 or more and below 1");
        return value;
    }

    static double Positive(OptimizerOptions o, double value, string name)
    {
        if (!(value > 0 && double.IsFinite(value))) Throw(o, $"has {name} {value}", "it must be above 0");
        return value;
    }

    static void Refuse(OptimizerOptions o, double? value, string name)
    {
        if (value is not null) Throw(o, $"has no {name}", "leave it out");
    }

    static void RefuseTrue(OptimizerOptions o, bool? value, string name)
    {
        if (value == true) Throw(o, $"has no {name}", "leave it out");
    }

    [DoesNotReturn]
    static void Throw(OptimizerOptions o, string problem, string advice) =>
        throw new ArgumentException($"Optimizer {o.Name} {problem}: {advice}.");
}
