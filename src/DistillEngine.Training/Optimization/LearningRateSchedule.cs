namespace DistillEngine.Training;

/// <summary>
/// The learning rate of each step, in double. With step k from 1 and n = k − 1, every form warms up by rate · n/W while n &lt; W; then
/// linear: rate · max(0, (T − n)/(T − W)); cosine: rate · ½(1 + cos(π (n − W)/(T − W))), 0 past T; constant: rate;
/// inverse-sqrt: rate · √(W/n), without warm-up rate · √(10,000/(n + 10,000)).
/// </summary>
/// <remarks>Source: transformers optimization.get_*_schedule, whose scheduler has moved k − 1 times before step k.</remarks>
public sealed class LearningRateSchedule
{
    // Where there is no warm-up, transformers' inverse square root takes this many steps as its time scale.
    const double DefaultTimescale = 10_000;

    readonly Form _form;

    LearningRateSchedule(Form form, string name, double rate, long warmupSteps, long totalSteps) =>
        (_form, Name, Rate, WarmupSteps, TotalSteps) = (form, name, rate, warmupSteps, totalSteps);

    enum Form
    {
        Linear,
        Cosine,
        Constant,
        InverseSqrt,
    }

    /// <summary>All names that <see cref="Create"/> takes; those with underscores are transformers' spellings.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["linear", "cosine", "constant", "constant_with_warmup", "inverse-sqrt", "inverse_sqrt"];

    /// <summary>As given to <see cref="Create"/>.</summary>
    public string Name { get; }

    /// <summary>The greatest rate.</summary>
    public double Rate { get; }

    /// <summary>W, in steps.</summary>
    public long WarmupSteps { get; }

    /// <summary>T, in steps.</summary>
    public long TotalSteps { get; }

    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="rate">Greatest rate, at least 0.</param>
    /// <param name="warmupSteps">At least 0; linear and cosine: at most <paramref name="totalSteps"/>.</param>
    /// <param name="totalSteps">Steps of the whole run, at least 1; constant and inverse-sqrt do not depend on it.</param>
    /// <exception cref="ArgumentException">A name is unknown or a number out of range.</exception>
    public static LearningRateSchedule Create(string name, double rate, long warmupSteps, long totalSteps)
    {
        Form form = name switch
        {
            "linear" => Form.Linear,
            "cosine" => Form.Cosine,
            "constant" or "constant_with_warmup" => Form.Constant,
            "inverse-sqrt" or "inverse_sqrt" => Form.InverseSqrt,
            _ => throw new ArgumentException($"There is no schedule '{name}', expected one of {string.Join(", ", Names)}."),
        };
        if (!(rate >= 0 && double.IsFinite(rate))) throw new ArgumentException($"Schedule {name} has rate {rate}: it must be 0 or more.");
        if (warmupSteps < 0) throw new ArgumentException($"Schedule {name} has {warmupSteps} warm-up steps: they must be 0 or more.");
        if (totalSteps < 1) throw new ArgumentException($"Schedule {name} has {totalSteps} steps: they must be 1 or more.");
        if (form is Form.Linear or Form.Cosine && warmupSteps > totalSteps)
        {
            throw new ArgumentException(
                $"Schedule {name} has {warmupSteps} warm-up steps of {totalSteps} in all: shorten the warm-up or train longer.");
        }
        return new(form, name, rate, warmupSteps, totalSteps);
    }

    /// <summary>The rate of one step.</summary>
    /// <param name="step">From 1.</param>
    public double At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        long n = step - 1;
        return Rate * (n < WarmupSteps ? (double)n / WarmupSteps : AfterWarmup(n));
    }

    double AfterWarmup(long n)
    {
        // T = W leaves no step between them, and the divisor does not matter.
        double length = Math.Max(TotalSteps - WarmupSteps, 1);
        return _form switch
        {
            Form.Linear => Math.Max(0, (TotalSteps - n) / length),
            Form.Cosine => n >= TotalSteps ? 0 : 0.5 * (1 + Math.Cos(Math.PI * ((n - WarmupSteps) / length))),
            Form.InverseSqrt => InverseSqrt(n),
            _ => 1,
        };
    }

    double InverseSqrt(long n)
    {
        double timescale = WarmupSteps == 0 ? DefaultTimescale : WarmupSteps;
        return 1 / Math.Sqrt((n + (timescale - WarmupSteps)) / timescale);
    }
}
