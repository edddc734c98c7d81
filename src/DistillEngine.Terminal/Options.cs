using System.CommandLine;

namespace DistillEngine.Terminal;

/// <summary>Options in the form both programs use.</summary>
public static class Options
{
    public static Option<bool> Json(string shape) => new("--json") { Description = $"Write JSON: {shape}" };

    /// <summary>An option that takes one of an enumeration's names in the form users write, such as <c>step-by-step</c>.</summary>
    public static Option<T> Choice<T>(string name, string description, T standard, params (string Name, T Value)[] choices)
    {
        var option = new Option<T>(name)
        {
            Description = $"{description}: {string.Join(", ", choices.Select(c => c.Name))}",
            HelpName = "NAME",
            DefaultValueFactory = _ => standard,
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                foreach (var (candidate, value) in choices)
                    if (candidate == text) return value;
                result.AddError($"{name} is '{text}', expected one of {string.Join(", ", choices.Select(c => c.Name))}.");
                return default;
            },
        };
        return option;
    }

    public static Option<T> AtLeast<T>(Option<T> option, T least) where T : IComparable<T>
    {
        option.Validators.Add(result =>
        {
            if (result.Errors.Any()) return;
            T? value = result.GetValueOrDefault<T>();
            if (value is not null && value.CompareTo(least) < 0) result.AddError($"{option.Name} is {value}, expected at least {least}.");
        });
        return option;
    }

    /// <summary>As <see cref="AtLeast{T}(Option{T},T)"/>, for an option that may be left out.</summary>
    public static Option<T?> AtLeast<T>(Option<T?> option, T least) where T : struct, IComparable<T>
    {
        option.Validators.Add(result =>
        {
            if (result.Errors.Any()) return;
            if (result.GetValueOrDefault<T?>() is { } value && value.CompareTo(least) < 0)
                result.AddError($"{option.Name} is {value}, expected at least {least}.");
        });
        return option;
    }
}
