namespace DistillEngine.Core;

/// <summary>Gives consecutive elements of one parameter.</summary>
/// <param name="start">First element, counted row-major.</param>
/// <param name="destination">Overwritten from its start.</param>
public delegate void ParameterReader(long start, Span<float> destination);
