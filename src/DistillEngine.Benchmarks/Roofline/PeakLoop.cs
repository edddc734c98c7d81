namespace DistillEngine.Benchmarks;

/// <summary>A loop that keeps the arithmetic units of one core busy from registers alone.</summary>
/// <param name="body">Runs as a part of a <see cref="Kernels.ComputePool"/>.</param>
/// <param name="context">The body's.</param>
/// <param name="operations">Operations of one call; a multiply-add counts two.</param>
public readonly unsafe struct PeakLoop(delegate*<void*, int, int, void> body, nint context, long operations)
{
    public delegate*<void*, int, int, void> Body { get; } = body;

    public void* Context { get; } = (void*)context;

    public long Operations { get; } = operations;
}
