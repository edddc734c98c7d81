namespace DistillEngine.Kernels;

/// <summary>What an assembler made of a kernel.</summary>
/// <param name="Registers">Of a thread.</param>
/// <param name="SharedBytes">Of a group.</param>
/// <param name="StackBytes">Of a thread: arrays that did not fit registers, or are indexed by what is not known.</param>
/// <param name="SpillBytes">Stored and loaded by a thread because registers ran out.</param>
/// <param name="Error">Why the text was rejected, or null.</param>
public sealed record PtxAssembly(int Registers, int SharedBytes, int StackBytes, int SpillBytes, string? Error);
