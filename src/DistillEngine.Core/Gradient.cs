namespace DistillEngine.Core;

/// <summary>The gradient of a parameter as a backward op takes it.</summary>
/// <param name="Sum">float32, the parameter's shape.</param>
/// <param name="Into">What becomes of the old contents. The first contribution of a step overwrites them: that spares a pass that clears the
/// gradient, and its reading.</param>
public readonly record struct Gradient(Tensor Sum, Into Into)
{
    /// <summary>A gradient that is added to.</summary>
    public static implicit operator Gradient(Tensor sum) => new(sum, Into.Add);
}
