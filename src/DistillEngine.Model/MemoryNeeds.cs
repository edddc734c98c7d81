namespace DistillEngine.Model;

/// <summary>Bytes a model takes, known before any are.</summary>
/// <param name="Parameters">Values in the form they are held in.</param>
/// <param name="Gradients">0 without training.</param>
/// <param name="Activations">The arena.</param>
public readonly record struct MemoryNeeds(long Parameters, long Gradients, long Activations)
{
    public long Total => Parameters + Gradients + Activations;
}
