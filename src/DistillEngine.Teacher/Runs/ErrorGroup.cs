namespace DistillEngine.Teacher.Runs;

/// <summary>Failed attempts of one kind.</summary>
/// <param name="Kind">As journals name it.</param>
/// <param name="GivenUp">Questions that were given up with this as their last error.</param>
/// <param name="Example">One of the messages.</param>
public sealed record ErrorGroup(string Kind, long Attempts, long GivenUp, string Example);
