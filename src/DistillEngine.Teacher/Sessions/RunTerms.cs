using DistillEngine.Teacher.Runs;

namespace DistillEngine.Teacher.Sessions;

/// <summary>How a run asks this time; may change from one start to the next.</summary>
/// <param name="Provider">Kind of source: <c>openai-compat</c>, <c>batch</c> or <c>replay</c>.</param>
/// <param name="Endpoint">Host and port of the server, or null.</param>
public sealed record RunTerms(string Provider, string? Endpoint, Prices? Prices)
{
    /// <summary>Limits of speed, by option name; null for none.</summary>
    public IReadOnlyDictionary<string, double?> Limits { get; init; } = new Dictionary<string, double?>();

    /// <summary>Limits of use, by option name; null for none.</summary>
    public IReadOnlyDictionary<string, double?> Budget { get; init; } = new Dictionary<string, double?>();
}
