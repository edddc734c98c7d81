namespace DistillEngine.Training.Demo;

/// <summary>One row of the demo's data.</summary>
/// <param name="Input">The question: one line, lower case.</param>
/// <param name="Label">The answer: a thing's name, <c>yes</c> or <c>no</c>.</param>
/// <param name="Rationale">What is known of the things, and what follows from it.</param>
/// <param name="Kind">What is asked for.</param>
public readonly record struct EverydayQuestion(string Input, string Label, string Rationale, QuestionKind Kind);
