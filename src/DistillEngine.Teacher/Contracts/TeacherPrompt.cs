namespace DistillEngine.Teacher;

/// <summary>What a teacher reads: one text to go on with, or the turns of a chat; exactly one of the two is set.</summary>
/// <param name="Text">For <c>/v1/completions</c>.</param>
/// <param name="Messages">For <c>/v1/chat/completions</c>.</param>
public sealed record TeacherPrompt(string? Text, IReadOnlyList<TeacherMessage>? Messages)
{
    public static TeacherPrompt Completion(string text) => new(text, null);

    public static TeacherPrompt Chat(params IReadOnlyList<TeacherMessage> messages) => new(null, messages);

    public bool IsChat => Messages is not null;

    /// <summary>UTF-16 units of everything that is read; what token estimates start from.</summary>
    public int Length => Text?.Length ?? Messages!.Sum(m => m.Role.Length + m.Content.Length);
}
