namespace DistillEngine.Teacher;

/// <summary>One turn of a chat.</summary>
/// <param name="Role"><c>system</c>, <c>user</c> or <c>assistant</c>.</param>
public sealed record TeacherMessage(string Role, string Content);
