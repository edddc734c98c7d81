namespace DistillEngine.Teacher;

/// <summary>Makes the prompt of a row.</summary>
public interface IPromptRenderer
{
    /// <summary>SHA-256 over what all prompts share: instructions, worked examples, question template. Lower-case hexadecimal.</summary>
    string Sha256 { get; }

    TeacherPrompt Render(TeacherRow row);
}
