namespace DistillEngine.Teacher;

/// <summary>One of several answers to a request.</summary>
/// <param name="Text">The answer, without the reasoning that the server keeps apart.</param>
/// <param name="Reasoning">Reasoning that the server returned beside the answer, or null.</param>
/// <param name="Finish">Why the teacher stopped, as the server calls it, or null.</param>
public sealed record TeacherChoice(string Text, string? Reasoning, string? Finish);
