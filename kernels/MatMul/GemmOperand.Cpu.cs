namespace DistillEngine.Kernels;

/// <summary>
/// One factor of a product, as lines (rows of the left factor, columns of the right one) along the contracted axis. A factor and its
/// transpose are the same memory seen with the other axis contiguous, so nothing is ever transposed as a whole.
/// </summary>
/// <param name="Data">First element.</param>
/// <param name="Stride">Elements between neighbours along the axis that is not contiguous.</param>
/// <param name="LinesAreContiguous">Whether a line lies in one piece; else step k of all lines does.</param>
readonly unsafe record struct GemmOperand(nint Data, long Stride, bool LinesAreContiguous)
{
    /// <summary>A line after the other: rows of a row-major left factor, or the outputs of a weight used as right factor.</summary>
    public static GemmOperand OfLines(float* data, long stride) => new((nint)data, stride, true);

    /// <summary>A step of the contracted axis after the other.</summary>
    public static GemmOperand OfSteps(float* data, long stride) => new((nint)data, stride, false);

    public float* At(long line, long step) => (float*)Data + (LinesAreContiguous ? line * Stride + step : step * Stride + line);
}
