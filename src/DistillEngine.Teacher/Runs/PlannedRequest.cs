namespace DistillEngine.Teacher.Runs;

/// <summary>A question of a plan. Its prompt is rendered when it is asked: a plan holds many.</summary>
/// <param name="Row">Number of the row, from 0.</param>
/// <param name="Sample">Number of the sample, from 0.</param>
/// <param name="Key"><see cref="TeacherRequest.Key"/>.</param>
/// <param name="PromptTokens">Estimated tokens of the prompt.</param>
public readonly record struct PlannedRequest(int Row, int Sample, string Key, int PromptTokens);
