namespace DistillEngine.Core;

/// <summary>What an op does with the destination's old contents.</summary>
public enum Into : byte
{
    Overwrite,
    Add,
}
