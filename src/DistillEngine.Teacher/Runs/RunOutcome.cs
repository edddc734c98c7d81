namespace DistillEngine.Teacher.Runs;

/// <summary>How a run ended.</summary>
public enum RunOutcome
{
    /// <summary>Every question has an answer.</summary>
    Complete,

    /// <summary>All questions were asked; some got no answer.</summary>
    Partial,

    /// <summary>A budget has no room for another request.</summary>
    Budget,

    /// <summary>Too many answers cannot be parsed.</summary>
    Unparsed,

    /// <summary>The user stopped it.</summary>
    Interrupted,

    /// <summary>The server refuses everything, or cannot be reached.</summary>
    Failed,
}
