namespace DistillEngine.Data.Tasks;

/// <summary>How a teacher is asked for a rationale and a label (<c>teacher</c>).</summary>
public sealed record TeacherOptions
{
    /// <summary>Whether the prompt is a chat (<c>chat</c>) or one text to go on with (<c>completion</c>).</summary>
    public bool IsChat { get; init; }

    public string Instructions { get; init; } = "";

    /// <summary>File of worked examples, relative to the task file, or null.</summary>
    public string? Shots { get; init; }

    public int ShotCount { get; init; }

    /// <summary>One worked example; besides the fields it may use input, label, letter and rationale. Null without shots.</summary>
    public Template? Shot { get; init; }

    /// <summary>The question; besides the fields it may use input.</summary>
    public required Template Query { get; init; }

    public IReadOnlyList<string> Stop { get; init; } = [];

    public int MaxTokens { get; init; } = 256;

    /// <summary>Temperature of a single answer, 0 to 2.</summary>
    public double Temperature { get; init; }

    public int Samples { get; init; } = 1;

    /// <summary>Temperature where several answers are drawn, 0 to 2.</summary>
    public double SampleTemperature { get; init; } = 0.7;

    public int Seed { get; init; } = 1;
}
