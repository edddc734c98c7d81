namespace DistillEngine.Data.Batching;

/// <summary>One row as it is trained, still as text.</summary>
/// <param name="Id">Id of the row, for messages.</param>
/// <param name="Segments">The input: one text, or the parts that the encoder joins by the <c>&lt;/s&gt;</c> id.</param>
/// <param name="Rationales">None: only the label is trained. Several: one is drawn per epoch.</param>
/// <param name="Weight">Weight of the row's tokens in both losses, above 0.</param>
public sealed record TrainingExample(string Id, IReadOnlyList<string> Segments, string Label, IReadOnlyList<string> Rationales,
    float Weight = 1);
