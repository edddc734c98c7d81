namespace DistillEngine.Formats;

/// <summary>Fills <paramref name="destination"/> with a tensor's elements from the row-major index <paramref name="start"/> on.</summary>
public delegate void ElementReader(long start, Span<float> destination);
