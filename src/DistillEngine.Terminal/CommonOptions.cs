using System.CommandLine;

namespace DistillEngine.Terminal;

/// <summary>Options in the form both programs use.</summary>
public static class CommonOptions
{
    public static Option<bool> Json(string shape) => new("--json") { Description = $"Write JSON: {shape}" };

    public static Option<T> AtLeast<T>(Option<T> option, T least) where T : IComparable<T> =>
        Require(option, value => value is null || value.CompareTo(least) >= 0, $"at least {least}");

    /// <summary>As <see cref="AtLeast{T}(Option{T},T)"/>, for an option that may be left out.</summary>
    public static Option<T?> AtLeast<T>(Option<T?> option, T least) where T : struct, IComparable<T> =>
        Require(option, value => value is not { } given || given.CompareTo(least) >= 0, $"at least {least}");

    public static Option<T> AtMost<T>(Option<T> option, T most) where T : IComparable<T> =>
        Require(option, value => value is null || value.CompareTo(most) <= 0, $"at most {most}");

    static Option<T> Require<T>(Option<T> option, Func<T?, bool> isFine, string expected)
    {
        option.Validators.Add(result =>
        {
            if (result.Errors.Any()) return;
            T? value;
            try
            {
                value = result.GetValueOrDefault<T>();
            }
            catch (InvalidOperationException)
            {
                // What is no T at all is reported by the parser itself.
                return;
            }
            if (!isFine(value)) result.AddError($"{option.Name} is {value}, expected {expected}.");
        });
        return option;
    }
}
