namespace DistillEngine.Teacher.Runs;

/// <summary>A request that was let through.</summary>
public sealed class RatePermit
{
    internal RatePermit(MinuteWindow.Use request, MinuteWindow.Use tokens) => (Request, Tokens) = (request, tokens);

    internal MinuteWindow.Use Request { get; }

    internal MinuteWindow.Use Tokens { get; }
}
