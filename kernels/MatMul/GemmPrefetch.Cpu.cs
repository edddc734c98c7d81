using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace DistillEngine.Kernels;

/// <summary>
/// A block of a factor, or what is left of it, that is asked for cache line by cache line while tiles are multiplied. A block consists of
/// runs of a few cache lines, too short for the processor to foresee: without this, packing waits for memory as long as it works. Emitted
/// tiles ask for lines all along the contracted axis, at even distances: a burst would take all of the buffers that the tile's own loads wait in.
/// </summary>
[StructLayout(LayoutKind.Explicit)]
unsafe struct GemmPrefetch
{
    public const int AtLine = 0, AtLeft = 8, AtInRun = 16, AtRunLines = 24, AtJump = 32, AtResult = 40, AtResultRows = 48, AtLines = 56, CacheLine = 64;

    /// <summary>The next line.</summary>
    [FieldOffset(AtLine)] public byte* Line;

    /// <summary>Lines to come; none where it is 0 or below.</summary>
    [FieldOffset(AtLeft)] public long Left;

    /// <summary>Lines to come in this run.</summary>
    [FieldOffset(AtInRun)] public long InRun;

    [FieldOffset(AtRunLines)] public long RunLines;

    /// <summary>Bytes from the end of a run's last line to the next run.</summary>
    [FieldOffset(AtJump)] public long Jump;

    /// <summary>Where the result of the next tile begins. Asked for in a burst when its tile begins, lines that come from memory would stop the
    /// loads of the tile; asked for one by one before, they are in the caches by then.</summary>
    [FieldOffset(AtResult)] public float* Result;

    /// <summary>Rows of it to come; none where it is 0 or below.</summary>
    [FieldOffset(AtResultRows)] public long ResultRows;

    /// <summary>Of <see cref="Left"/>, how many the next tile asks for.</summary>
    [FieldOffset(AtLines)] public long Lines;

    /// <param name="source">The factor.</param>
    /// <param name="first">First line of the block.</param>
    /// <param name="count">Lines; 0 asks for nothing.</param>
    /// <param name="start">First step of the contracted axis.</param>
    /// <param name="depth">Steps.</param>
    public GemmPrefetch(in GemmOperand source, long first, int count, long start, int depth)
    {
        if (count == 0) return;
        var (runs, length) = source.LinesAreContiguous ? (count, depth) : (depth, count);
        Line = (byte*)source.At(first, start);
        RunLines = InRun = ((long)length * sizeof(float) + CacheLine - 1) / CacheLine;
        Left = runs * RunLines;
        Jump = source.Stride * sizeof(float) - RunLines * CacheLine;
    }

    /// <param name="memory">What is contiguous.</param>
    public GemmPrefetch(void* memory, long bytes)
    {
        Line = (byte*)memory;
        RunLines = InRun = Left = (bytes + CacheLine - 1) / CacheLine;
    }

    /// <summary>Shares the lines that are left evenly among the next tiles.</summary>
    public void Spread(int tiles)
    {
        if (Left <= 0) Lines = 0;
        else if (tiles == 1) Lines = Left;
        else Lines = ((uint)Left + (uint)tiles - 1) / (uint)tiles;
    }

    /// <summary>Asks for all lines at once, where nothing can be done meanwhile.</summary>
    public void AskAll() => Ask(Left);

    /// <summary>Asks for so many of the lines that are left.</summary>
    public void Ask(long lines)
    {
        if (!Sse.IsSupported) return;
        for (; lines > 0; lines--, Left--)
        {
            Sse.Prefetch1(Line);
            Line += CacheLine;
            if (--InRun > 0) continue;
            Line += Jump;
            InRun = RunLines;
        }
    }

    /// <summary>Asks for the first line of each row of the next result.</summary>
    /// <param name="stride">Elements from a row to the next.</param>
    public void AskForResult(long stride)
    {
        if (!Sse.IsSupported) return;
        for (; ResultRows > 0; ResultRows--, Result += stride) Sse.Prefetch1(Result);
    }
}
