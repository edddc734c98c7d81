namespace DistillEngine.Teacher.Runs;

/// <summary>US dollars for a million tokens.</summary>
/// <param name="Input">Tokens read; tokens from the server's cache are counted at the full price, so that sums are an upper bound.</param>
/// <param name="Output">Tokens written.</param>
public sealed record Prices(double Input, double Output)
{
    const double Million = 1_000_000;

    public double Of(long input, long output) => (input * Input + output * Output) / Million;
}
