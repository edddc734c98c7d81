namespace DistillEngine.Data.Tasks;

/// <summary>What kind of answer a task wants; written as <c>classification</c>, <c>multiple_choice</c>, <c>equation</c> or
/// <c>text</c>.</summary>
public enum TaskCategory
{
    Classification,
    MultipleChoice,
    Equation,
    Text,
}
