namespace DistillEngine.Data.Batching;

/// <summary>In which order an epoch visits the rows.</summary>
public enum RowOrder
{
    /// <summary>Shuffled anew in every epoch.</summary>
    Shuffled,

    /// <summary>As the published code draws them (<see cref="PublishedSampler"/>, the seed being its <c>--run</c>).</summary>
    Published,

    /// <summary>As they stand.</summary>
    File,
}
