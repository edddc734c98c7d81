using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Replies;

/// <summary>Free text: what follows the marker, by the task's normalization.</summary>
sealed class FreeTextReader(LabelOptions labels) : IAnswerReader
{
    /// <inheritdoc/>
    public AnswerLabel Read(ReadOnlySpan<char> answer, SourceRow row)
    {
        string text = LabelText.Normalize(answer.ToString(), labels.Normalize);
        if (labels.Synonyms.TryGetValue(text, out string? label)) text = label;
        return text.Length > 0
            ? AnswerLabel.Found(text, isCertain: false)
            : AnswerLabel.None(ParseCode.NotInLabelSet, $"{AnswerLabel.Quote(answer)} holds no text.");
    }
}
