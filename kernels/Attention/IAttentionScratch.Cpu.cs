namespace DistillEngine.Kernels;

/// <summary>What attention needs beside its operands, whatever its vectors.</summary>
public interface IAttentionScratch
{
    /// <summary>Bytes that a thread's scratch holds at most in a forward and a backward. Linear in both lengths.</summary>
    /// <param name="queries">Of the longest sequence.</param>
    /// <param name="keys">Of the longest sequence.</param>
    /// <param name="headWidth">Columns of a head.</param>
    /// <param name="hasBias">Whether there is a relative bias.</param>
    long ScratchBytes(int queries, int keys, int headWidth, bool hasBias);
}
