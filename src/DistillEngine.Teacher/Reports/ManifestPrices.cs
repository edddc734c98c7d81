namespace DistillEngine.Teacher.Reports;

/// <summary>Prices in US dollars for a million tokens.</summary>
/// <param name="Source">Where they come from, such as <c>--price-in, --price-out</c>.</param>
/// <param name="Date">Day they were valid, ISO 8601, or null.</param>
public sealed record ManifestPrices(double Input, double Output, string Source, string? Date = null);
