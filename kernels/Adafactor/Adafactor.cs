using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>Adafactor: squared gradients remembered as row and column means of matrices, updates clipped by their root mean square.</summary>
/// <remarks>
/// Source: arXiv:1804.04235 algorithms 4 to 6, in the three forms of <see cref="AdafactorDialect"/>: transformers optimization.Adafactor,
/// optax.adafactor (_src/factorized.py, alias.py), torch.optim.Adafactor.
/// </remarks>
public abstract class Adafactor
{
    /// <summary>Least extent that optax factors; both dimensions must reach it.</summary>
    public const int OptaxLeastFactored = 128;

    /// <summary>Whether a parameter is remembered by row and column means.</summary>
    /// <param name="isVector">One dimension in the checkpoint, whatever the extents.</param>
    public static bool IsFactored(AdafactorDialect dialect, Shape shape, bool isVector) =>
        !isVector && (dialect != AdafactorDialect.Optax || Math.Min(shape.D0, shape.D1) >= OptaxLeastFactored);

    /// <summary>Updates one parameter.</summary>
    /// <param name="gradient">float32 [rows, width], or [width] for a vector.</param>
    /// <param name="gradientNorm">float32 [1]: global norm of all gradients before clipping.</param>
    /// <param name="value">float32, gradient's shape; updated.</param>
    /// <param name="state">Updated; factored exactly where RowMeans is present.</param>
    /// <param name="scratch">float32, gradient's shape; a factored parameter's is overwritten: sums of squares over blocks of rows, then the columns'
    /// factors.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or a number of the step leaves its range.</exception>
    public void Update(Tensor gradient, Tensor gradientNorm, in AdafactorStep step, Tensor value, in AdafactorState state, Tensor scratch)
    {
        Shape shape = value.Shape;
        Check.Shape(gradient, shape, "adafactor.update");
        Check.Shape(gradientNorm, new(1), "adafactor.update");
        Check.Shape(scratch, shape, "adafactor.update");
        Check.That(step.Step >= 1, "adafactor.update", "a step number from 1");
        Check.AtLeastZero(step.LearningRate, "adafactor.update", "learning rate");
        Check.AtLeastZero(step.ClipThreshold, "adafactor.update", "clip threshold");
        Check.AtLeastZero(step.Clip, "adafactor.update", "clip");
        Check.That(state.Squares.IsAbsent != state.RowMeans.IsAbsent && state.RowMeans.IsAbsent == state.ColumnMeans.IsAbsent,
            "adafactor.update", "either row and column means or full squares");
        if (state.Squares.IsAbsent)
        {
            Check.Shape(state.RowMeans, new(shape.D0), "adafactor.update");
            Check.Shape(state.ColumnMeans, new(shape.D1), "adafactor.update");
        }
        else
        {
            Check.Shape(state.Squares, shape, "adafactor.update");
        }
        Check.That(state.Moment.IsAbsent == (step.Beta1 == 0), "adafactor.update", "a first moment exactly where beta1 is above 0");
        if (!state.Moment.IsAbsent) Check.Shape(state.Moment, shape, "adafactor.update");
        using var _ = Trace.Op("adafactor.update", UpdateCost(shape, state.Squares.IsAbsent, step.Beta1 > 0));
        UpdateCore(gradient, gradientNorm, step, value, state, scratch);
    }

    /// <summary>Gradient and value read, value written; squares and a first moment, where they are, read and written. What the clipping of the
    /// update by its own root mean square reads again stays in the caches for all but the largest parameters.</summary>
    public static Cost UpdateCost(Shape shape, bool isFactored, bool hasMoment)
    {
        long squares = isFactored ? 2L * (shape.D0 + shape.D1) : 2 * shape.Count;
        return new(20 * shape.Count, sizeof(float) * ((hasMoment ? 5 : 3) * shape.Count + squares));
    }

    protected abstract void UpdateCore(Tensor gradient, Tensor gradientNorm, in AdafactorStep step, Tensor value, in AdafactorState state,
        Tensor scratch);
}
