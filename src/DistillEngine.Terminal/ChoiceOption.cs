using System.CommandLine;

namespace DistillEngine.Terminal;

/// <summary>An option that takes one of some values under the names that users write, such as <c>step-by-step</c>.</summary>
public sealed class ChoiceOption<T> : Option<string>
{
    readonly (string Name, T Value)[] _choices;

    /// <param name="choices">The first one is the default.</param>
    public ChoiceOption(string name, string description, params (string Name, T Value)[] choices) : base(name)
    {
        _choices = choices;
        Description = $"{description}: {string.Join(", ", choices.Select(c => c.Name))}";
        HelpName = "NAME";
        DefaultValueFactory = _ => choices[0].Name;
        Validators.Add(result =>
        {
            string text = result.Tokens.Count > 0 ? result.Tokens[0].Value : choices[0].Name;
            if (!choices.Any(c => c.Name == text)) result.AddError($"{name} is '{text}', expected one of {string.Join(", ", choices.Select(c => c.Name))}.");
        });
    }

    public T Of(ParseResult parsed)
    {
        string text = parsed.GetValue(this)!;
        return _choices.First(c => c.Name == text).Value;
    }
}
