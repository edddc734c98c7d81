using System.Globalization;

namespace DistillEngine.Kernels;

/// <summary>The data caches of a processor, by which products are cut into blocks. Blocks move no bits, so a wrong answer costs time alone.</summary>
/// <param name="First">That of a core.</param>
/// <param name="Second">That of a core, or of few.</param>
/// <param name="Last">The outermost one.</param>
public sealed record ProcessorCaches(ProcessorCache First, ProcessorCache Second, ProcessorCache Last)
{
    // Both AMD and Intel list caches one by one, in leaves of their own and in one form. AMD's older leaves hold sizes alone.
    const int IntelList = 4, AmdList = unchecked((int)0x8000001D), OldFirst = unchecked((int)0x80000005), OldOthers = unchecked((int)0x80000006);

    const int MostCaches = 8;

    // The columns that most blocks have: 3 MiB at the most words. Fewer are multiples of every tile's.
    const int MostColumns = 1024, LeastColumns = 256, ColumnGrain = 64;

    /// <summary>What is taken where a processor does not tell: caches with which the blocks are those that most processors of today get.</summary>
    public static ProcessorCaches Assumed { get; } = new(new(32 << 10, 0, CacheSource.Assumed), new(1 << 20, 0, CacheSource.Assumed),
        new(32 << 20, 0, CacheSource.Assumed));

    /// <summary>Those of this processor. Below <see cref="Assumed"/>, which reading them takes.</summary>
    public static ProcessorCaches Machine { get; } = Read(Processor.Leaf);

    /// <summary>
    /// Columns of the right factor that are packed as a block and pass by every row block: with <see cref="Gemm.PackedWords"/> words at most three quarters of
    /// the part of the last cache that a core has, where the processor tells both; rows and results pass through the rest.
    /// </summary>
    public int PackedColumns
    {
        get
        {
            if (Last.Cores == 0) return MostColumns;
            long columns = Last.Bytes / Last.Cores * 3 / 4 / (sizeof(float) * Gemm.PackedWords);
            return (int)Math.Clamp(columns / ColumnGrain * ColumnGrain, LeastColumns, MostColumns);
        }
    }

    /// <summary>Such as <c>48 KiB, 1 MiB a core, 32 MiB shared by 8 cores</c>.</summary>
    public override string ToString() => $"{First}, {Second} a core, {Last} {(Last.Cores > 0 ? $"shared by {Last.Cores} cores" : "shared")}";

    /// <param name="leaf">What CPUID answers on a function and an index; zeros where there is no such function.</param>
    internal static ProcessorCaches Read(Func<int, int, (int Eax, int Ebx, int Ecx, int Edx)> leaf)
    {
        ProcessorCache first = default, second = default, last = default;
        int list = leaf(IntelList, 0).Eax != 0 ? IntelList : AmdList, threadsOfCore = 1;
        for (int index = 0; index < MostCaches; index++)
        {
            var (eax, ebx, ecx, _) = leaf(list, index);
            int type = eax & 31, level = eax >> 5 & 7, threads = (eax >> 14 & 0xFFF) + 1;
            const int none = 0, instructions = 2;
            if (type == none) break;
            if (type == instructions) continue;
            // Ways, partitions of a line, bytes of a line and sets, each less 1.
            long bytes = ((ebx >> 22 & 0x3FF) + 1L) * ((ebx >> 12 & 0x3FF) + 1) * ((ebx & 0xFFF) + 1) * (ecx + 1L);
            if (level == 1) threadsOfCore = threads;
            var cache = new ProcessorCache(bytes, Math.Max(threads / threadsOfCore, 1), CacheSource.List);
            if (level == 1) first = cache;
            else if (level == 2) second = cache;
            last = cache;
        }
        // A virtual machine may leave the list empty and pass the older leaves on. How many cores share the last cache they do not say.
        var (_, _, oldSecond, oldLast) = leaf(OldOthers, 0);
        return new(Known(first, (leaf(OldFirst, 0).Ecx >>> 24) * 1L << 10, Assumed.First), Known(second, (oldSecond >>> 16) * 1L << 10, Assumed.Second),
            Known(last, (oldLast >>> 18) * 512L << 10, Assumed.Last));
    }

    static ProcessorCache Known(ProcessorCache listed, long oldBytes, ProcessorCache assumed) =>
        listed.Bytes > 0 ? listed : oldBytes > 0 ? new(oldBytes, 0, CacheSource.OldLeaves) : assumed;
}

/// <summary>A cache, and who says so.</summary>
/// <param name="Cores">Cores that share it; 0 where that is unknown.</param>
public readonly record struct ProcessorCache(long Bytes, int Cores, CacheSource Source)
{
    public override string ToString()
    {
        string size = Bytes < 1 << 20 ? $"{Bytes >> 10} KiB" : string.Create(CultureInfo.InvariantCulture, $"{Bytes / (double)(1 << 20):0.##} MiB");
        return Source == CacheSource.Assumed ? $"{size} (assumed)" : size;
    }
}

/// <summary>Where the size of a cache comes from.</summary>
public enum CacheSource : byte
{
    /// <summary>The processor does not tell.</summary>
    Assumed,

    /// <summary>CPUID leaf 4, or 0x8000001D of AMD.</summary>
    List,

    /// <summary>CPUID leaves 0x80000005 and 0x80000006 of AMD.</summary>
    OldLeaves,
}
