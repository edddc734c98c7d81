namespace DistillEngine.Data.Batching;

/// <summary>What happens to a row whose teacher's label is wrong by the task's metric; written as <c>keep</c>, <c>drop</c>.</summary>
public enum MismatchRule
{
    Keep,

    /// <summary>The row is left out, label and rationale.</summary>
    Drop,
}
