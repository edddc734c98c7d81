namespace DistillEngine.Core;

/// <summary>Dropout at one place of the model in one step. Element (row, column) is dropped when
/// CounterRng.Draw(<see cref="Key"/> ⊕ rowKey, column) is below rate·2³²; the others are multiplied by 1/(1 − rate).</summary>
/// <param name="Rate">Probability of dropping, 0 … below 1; 0 leaves values untouched.</param>
/// <param name="Key">From <see cref="CounterRng.SiteKey"/>.</param>
public readonly record struct DropoutSite(float Rate, uint Key)
{
    public static DropoutSite None => default;

    public bool IsActive => Rate > 0;

    /// <summary>Draws below this are dropped.</summary>
    public uint Threshold => (uint)Math.Min(Rate * 4294967296.0, uint.MaxValue);

    /// <summary>Factor of the elements that are kept.</summary>
    public float KeepScale => 1f / (1f - Rate);
}
