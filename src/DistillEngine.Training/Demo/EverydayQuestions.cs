namespace DistillEngine.Training.Demo;

/// <summary>Questions about <see cref="EverydayThings"/> whose answers need facts that the question does not state.</summary>
/// <remarks>
/// Three kinds: which of two things is larger, whether two are made of the same stuff, whether one looks for a thing in a place. A label gives
/// away one bit of what is asked; a rationale states the facts. That is where a student without pre-training gains from rationales.
/// </remarks>
public static class EverydayQuestions
{
    /// <summary>Most rows of both sets together: as many as the same-stuff questions with the answer yes allow without repeating a pair.</summary>
    public const int MaxRows = 4_000;

    /// <summary>Most place questions in the test set. A thing has one place, hence one question whose answer is yes, and each that is
    /// tested is lost for training.</summary>
    public const int MaxPlaceTestRows = 40;

    /// <summary>Makes both sets. A third of each are of each kind; where place questions run out, the other two kinds fill up evenly.</summary>
    /// <remarks>
    /// No question occurs twice. A test question occurs in training in no wording and in no order of its two things. Half of the labels of
    /// each kind are yes, or the thing named first. Things take turns, so each occurs about equally often, and a tested place question comes with
    /// both answers for the same thing, so that a habit of one answer per thing earns nothing. The test set depends on
    /// <paramref name="testRows"/> and <paramref name="seed"/> only: training sets of different sizes are compared on the same questions.
    /// </remarks>
    /// <param name="trainRows">Rows of the training set, from 0.</param>
    /// <param name="testRows">Rows of the test set, from 0; both together at most <see cref="MaxRows"/>.</param>
    /// <param name="seed">Any number; the same one makes the same sets.</param>
    /// <exception cref="ArgumentOutOfRangeException">A count is negative, or both exceed <see cref="MaxRows"/>.</exception>
    public static (IReadOnlyList<EverydayQuestion> Train, IReadOnlyList<EverydayQuestion> Test) Make(int trainRows, int testRows, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(trainRows);
        ArgumentOutOfRangeException.ThrowIfNegative(testRows);
        if ((long)trainRows + testRows > MaxRows)
            throw new ArgumentOutOfRangeException(
                nameof(trainRows), trainRows, $"With {testRows} test rows there are at most {MaxRows - Math.Min(testRows, MaxRows)} training rows; "
                    + "ask for fewer rows.");
        var maker = new QuestionMaker(seed);
        var test = maker.MakeSet(testRows, MaxPlaceTestRows);
        var train = maker.MakeSet(trainRows, QuestionMaker.MaxPlaceRows(MaxPlaceTestRows));
        return (train, test);
    }
}
