using System.CommandLine;

namespace DistillEngine.Terminal;

/// <summary>Options in the form both programs use.</summary>
public static class CommonOptions
{
    public static Option<bool> Json(string shape) => new("--json") { Description = $"Write JSON: {shape}" };

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
