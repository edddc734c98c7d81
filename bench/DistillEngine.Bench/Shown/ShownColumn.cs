using System.Globalization;

namespace DistillEngine.Bench.Shown;

/// <summary>A column of figures or names.</summary>
/// <param name="Key">In JSON.</param>
/// <param name="Head">In the table, with its unit.</param>
/// <param name="Format">Of numbers.</param>
sealed record ShownColumn(string Key, string Head, string Format = "F1")
{
    /// <summary>A number or a text; what could not be measured is a number that is none.</summary>
    public string Text(object value) => value switch
    {
        double number => double.IsFinite(number) ? number.ToString(Format, CultureInfo.InvariantCulture) : "-",
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}
