namespace DistillEngine.Teacher;

/// <summary>How a teacher answers. What is null is not sent, so the server's own default holds.</summary>
public sealed record TeacherParameters
{
    /// <summary>Most tokens of an answer, at least 1.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Sampling temperature, 0 to 2.</summary>
    public double? Temperature { get; init; }

    /// <summary>Probability mass that is sampled from, above 0 to 1.</summary>
    public double? TopP { get; init; }

    /// <summary>Candidates that are sampled from; not part of OpenAI's own interface, but of most compatible servers'.</summary>
    public int? TopK { get; init; }

    /// <summary>Seed of the first sample; sample i is asked with the seed plus i, so that samples differ and runs repeat.</summary>
    public long? Seed { get; init; }

    /// <summary>Texts the answer ends before.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];
}
