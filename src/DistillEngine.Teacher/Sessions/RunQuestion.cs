namespace DistillEngine.Teacher.Sessions;

/// <summary>What is asked about what: everything that decides which requests a run consists of. Null takes the task's own value.</summary>
public sealed record RunQuestion
{
    /// <summary>Name of a built-in task, or a task file.</summary>
    public required string Task { get; init; }

    /// <summary>File of rows.</summary>
    public required string Input { get; init; }

    public required string Model { get; init; }

    /// <summary>Whether chats are asked for rather than completions.</summary>
    public bool? IsChat { get; init; }

    /// <summary>Answers for each row.</summary>
    public int? Samples { get; init; }

    public int? MaxTokens { get; init; }

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public int? TopK { get; init; }

    public long? Seed { get; init; }

    /// <summary>Asks about the first rows of the file only.</summary>
    public int? Rows { get; init; }
}
