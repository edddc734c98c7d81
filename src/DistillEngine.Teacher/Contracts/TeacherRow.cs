using DistillEngine.Data.Import;

namespace DistillEngine.Teacher;

/// <summary>A row of the input file.</summary>
/// <param name="Id"><c>task/split/key</c>, unique within the run.</param>
/// <param name="Split">train, valid or test, or null.</param>
/// <param name="Source">The row, rendered by the task's templates.</param>
public sealed record TeacherRow(string Id, string? Split, SourceRow Source);
