using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DistillEngine.Kernels;

/// <summary>
/// Asks for a block of a factor, cache line by cache line, while tiles are multiplied. A block consists of runs of a few cache lines, too
/// short for the processor to foresee: without this, packing waits for memory as long as it works.
/// </summary>
/// <param name="source">The factor.</param>
/// <param name="first">First line of the block.</param>
/// <param name="count">Lines.</param>
/// <param name="start">First step of the contracted axis.</param>
/// <param name="depth">Steps.</param>
/// <param name="calls">Calls of <see cref="Next"/> after which the whole block is asked for.</param>
unsafe struct GemmPrefetch(in GemmOperand source, long first, int count, long start, int depth, long calls)
{
    const int CacheLine = 64;

    readonly long _strideBytes = source.Stride * sizeof(float);
    readonly int _runBytes = sizeof(float) * (source.LinesAreContiguous ? depth : count);
    readonly int _perCall = (int)((Lines(source, count, depth) + calls - 1) / Math.Max(calls, 1));
    byte* _run = (byte*)source.At(first, start);
    int _runsLeft = count == 0 ? 0 : source.LinesAreContiguous ? count : depth;
    int _offset;

    static long Lines(in GemmOperand source, int count, int depth) => source.LinesAreContiguous
        ? count * ((depth * (long)sizeof(float) + CacheLine - 1) / CacheLine)
        : depth * ((count * (long)sizeof(float) + CacheLine - 1) / CacheLine);

    /// <summary>The next share of the block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Next()
    {
        if (!Sse.IsSupported) return;
        for (int i = 0; i < _perCall && _runsLeft > 0; i++)
        {
            Sse.Prefetch1(_run + _offset);
            _offset += CacheLine;
            if (_offset < _runBytes) continue;
            _offset = 0;
            _run += _strideBytes;
            _runsLeft--;
        }
    }
}
