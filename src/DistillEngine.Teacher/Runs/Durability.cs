namespace DistillEngine.Teacher.Runs;

/// <summary>When a journal is brought to disk. A killed process loses nothing under any of them; a power failure may.</summary>
public enum Durability
{
    /// <summary>After every line: a power failure loses nothing.</summary>
    EveryLine,

    /// <summary>At most a second after a line.</summary>
    EverySecond,

    /// <summary>When the system likes, and at the end.</summary>
    AtTheEnd,
}
