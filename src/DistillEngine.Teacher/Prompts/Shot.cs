using DistillEngine.Data.Import;

namespace DistillEngine.Teacher.Prompts;

/// <summary>A worked example of a prompt, rendered by the task's templates.</summary>
/// <param name="Place"><c>path:line</c> of the example.</param>
/// <param name="Row">Its question, as a row of data.</param>
/// <param name="Label">Its label, as the teacher shall write it.</param>
/// <param name="Question">The question as <c>teacher.query</c> renders it.</param>
/// <param name="Answer">What follows the question in <c>teacher.shot</c>, up to the separator of the next one.</param>
/// <param name="Separator">Blanks and line feeds between this example and what follows.</param>
public sealed record Shot(string Place, SourceRow Row, string Rationale, string Label, string Question, string Answer, string Separator);
