namespace DistillEngine.Kernels;

/// <summary>A loop in machine code: a function of the number of rounds.</summary>
/// <param name="Address">Where it begins.</param>
/// <param name="MultiplyAdds">Of one round.</param>
public readonly record struct PeakRoutine(nint Address, int MultiplyAdds)
{
    /// <summary>None where the system refuses executable memory, which is an address of 0.</summary>
    internal static PeakRoutine? At(nint address, int multiplyAdds) => address == 0 ? null : new(address, multiplyAdds);
}
