using DistillEngine.Data.Import;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Replies;

/// <summary>Classification: a label of the closed set or one of its synonyms, as the whole answer or as the only one that it contains; a
/// letter stands for a label's place in the set, where the task prefers letters.</summary>
sealed class ClassReader : IAnswerReader
{
    readonly LabelOptions _labels;
    readonly ParseOptions _options;
    readonly IReadOnlyList<string> _set;
    readonly List<string> _names = [];
    readonly List<string> _labelOfName = [];

    public ClassReader(LabelOptions labels, ParseOptions options)
    {
        (_labels, _options) = (labels, options);
        _set = labels.Set ?? throw new ArgumentException("a classification needs labels.set.", nameof(labels));
        foreach (string label in _set) AddName(label, label);
        foreach (var (spelling, label) in labels.Synonyms) AddName(spelling, label);
    }

    /// <inheritdoc/>
    public AnswerLabel Read(ReadOnlySpan<char> answer, SourceRow row)
    {
        string text = answer.ToString();
        if (_options.PreferLetter && ByLetter(text) is { } byLetter) return byLetter;
        string normal = LabelText.Normalize(text, _labels.Normalize);
        if (_set.Contains(normal)) return AnswerLabel.Found(normal, isCertain: false);
        int equal = _names.IndexOf(ChoiceMatch.Simplify(normal));
        if (equal >= 0) return AnswerLabel.Found(_labelOfName[equal], isCertain: false);
        string[] contained = [.. LabelText.Contained(normal, _names).Select(name => _labelOfName[name]).Distinct()];
        return contained.Length switch
        {
            0 => AnswerLabel.None(ParseCode.NotInLabelSet, $"{AnswerLabel.Quote(text)} is none of the labels ({string.Join(", ", _set)})."),
            1 => AnswerLabel.Found(contained[0], isCertain: false),
            _ when _options.RejectAmbiguous =>
                AnswerLabel.None(ParseCode.Ambiguous, $"several labels are named: {AnswerLabel.Quote(text)}."),
            _ => AnswerLabel.Found(contained[0], isCertain: false, "first_of_several"),
        };
    }

    AnswerLabel? ByLetter(string text)
    {
        int letter = ChoiceLetters.Find(text, _set, out bool isAmbiguous);
        if (letter == ChoiceLetters.None) return null;
        if (!isAmbiguous) return AnswerLabel.Found(_set[letter], isCertain: true);
        return _options.RejectAmbiguous
            ? AnswerLabel.None(ParseCode.Ambiguous, $"several letters are named: {AnswerLabel.Quote(text)}.")
            : AnswerLabel.Found(_set[letter], isCertain: true, "first_of_several");
    }

    void AddName(string spelling, string label)
    {
        _names.Add(ChoiceMatch.Simplify(spelling));
        _labelOfName.Add(label);
    }
}
