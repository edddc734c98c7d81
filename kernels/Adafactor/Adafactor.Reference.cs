namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="Adafactor"/>: each dialect's formulas as its source writes them, in double.</summary>
public static class AdafactorReference
{
    /// <summary>What the oracle remembers of one parameter; null where <see cref="AdafactorState"/> would be absent.</summary>
    public sealed record State(double[]? RowMeans, double[]? ColumnMeans, double[]? Squares, double[]? Moment);

    /// <summary>State of zeros.</summary>
    public static State Start(int rows, int width, bool factored, bool moment) => new(
        factored ? new double[rows] : null, factored ? new double[width] : null, factored ? null : new double[rows * width],
        moment ? new double[rows * width] : null);

    /// <summary>Updates value and state in place.</summary>
    public static void Update(double[] gradient, double gradientNorm, in AdafactorStep step, double[] value, int width, State state)
    {
        double clip = step.Clip > 0 ? Math.Min(1, step.Clip / (gradientNorm + 1e-6)) : 1;
        double[] g = [.. gradient.Select(x => clip * x)];
        double beta2 = 1 - Math.Pow(step.Step, -step.DecayRate);
        double scale = Math.Max(step.Epsilon2, RootMeanSquare(value));
        double rate = Rate(step);
        double[] update = step.Dialect == AdafactorDialect.Torch
            ? Torch(g, step, beta2, width, state)
            : Published(g, step, beta2, width, state);
        if (step.ClipThreshold > 0)
        {
            double excess = Math.Max(1, RootMeanSquare(update) / step.ClipThreshold);
            for (int i = 0; i < update.Length; i++) update[i] /= excess;
        }
        double scaled = step.ScaleParameter || step.Dialect == AdafactorDialect.Torch ? rate * scale : rate;
        double decay = step.WeightDecay * step.Dialect switch
        {
            AdafactorDialect.HuggingFace => scaled,
            AdafactorDialect.Optax => 1,
            _ => step.LearningRate,
        };
        for (int i = 0; i < value.Length; i++)
        {
            double delta = scaled * update[i];
            if (state.Moment is { } moment) delta = moment[i] = step.Beta1 * moment[i] + (1 - step.Beta1) * delta;
            value[i] -= decay * value[i] + delta;
        }
    }

    /// <summary>The rate before the parameter's scale.</summary>
    static double Rate(in AdafactorStep step) => step.Dialect switch
    {
        AdafactorDialect.HuggingFace when step.RelativeStep =>
            Math.Min(step.WarmupInit ? 1e-6 * step.Step : 1e-2, 1 / Math.Sqrt(step.Step)),
        AdafactorDialect.Torch => Math.Min(step.LearningRate, 1 / Math.Sqrt(step.Step)),
        _ => step.LearningRate,
    };

    static double[] Published(double[] g, in AdafactorStep step, double beta2, int width, State state)
    {
        double epsilon = step.Epsilon1;
        double[] squares = [.. g.Select(x => x * x + epsilon)];
        Remember(squares, beta2, width, state);
        double[] update = new double[g.Length];
        double mean = state.RowMeans?.Average() ?? 0;
        for (int i = 0; i < g.Length; i++)
        {
            update[i] = state.Squares is { } full
                ? g[i] / Math.Sqrt(full[i])
                : g[i] / Math.Sqrt(state.RowMeans![i / width] / mean) / Math.Sqrt(state.ColumnMeans![i % width]);
        }
        return update;
    }

    static double[] Torch(double[] g, in AdafactorStep step, double beta2, int width, State state)
    {
        Remember([.. g.Select(x => x * x)], beta2, width, state);
        double[] update = new double[g.Length];
        double mean = Math.Max(state.RowMeans?.Average() ?? 0, step.Epsilon1);
        for (int i = 0; i < g.Length; i++)
        {
            double estimate = state.Squares is { } full ? full[i] : state.RowMeans![i / width] * state.ColumnMeans![i % width] / mean;
            update[i] = g[i] / Math.Sqrt(Math.Max(estimate, step.Epsilon1 * step.Epsilon1));
        }
        return update;
    }

    static void Remember(double[] squares, double beta2, int width, State state)
    {
        if (state.Squares is { } full)
        {
            for (int i = 0; i < full.Length; i++) full[i] = beta2 * full[i] + (1 - beta2) * squares[i];
            return;
        }
        int rows = squares.Length / width;
        for (int row = 0; row < rows; row++)
        {
            double mean = Enumerable.Range(0, width).Average(i => squares[row * width + i]);
            state.RowMeans![row] = beta2 * state.RowMeans[row] + (1 - beta2) * mean;
        }
        for (int i = 0; i < width; i++)
        {
            double mean = Enumerable.Range(0, rows).Average(row => squares[row * width + i]);
            state.ColumnMeans![i] = beta2 * state.ColumnMeans[i] + (1 - beta2) * mean;
        }
    }

    static double RootMeanSquare(double[] x) => Math.Sqrt(x.Sum(a => a * a) / x.Length);
}
