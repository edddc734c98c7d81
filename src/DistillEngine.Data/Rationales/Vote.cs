namespace DistillEngine.Data.Rationales;

/// <summary>How several answers of the teacher were counted.</summary>
/// <param name="Count">Answers asked for (<c>n</c>).</param>
/// <param name="Valid">Answers that parsed.</param>
/// <param name="Agree">Answers that gave the winning label.</param>
public sealed record Vote(int Count, int Valid, int Agree, string? Method, bool IsTie);
