namespace DistillEngine.Kernels;

/// <summary>Even division of work by output elements.</summary>
static class Split
{
    /// <summary>Parts for so many items when each part should hold at least <paramref name="least"/>.</summary>
    public static int Parts(long items, long least, int threads) => (int)Math.Clamp(items / Math.Max(least, 1), 1, threads);

    /// <summary>Items start … end − 1 of one part.</summary>
    public static (long Start, long End) Range(long items, int part, int parts) => (items * part / parts, items * (part + 1) / parts);

    /// <summary>The same with bounds on multiples of <paramref name="grain"/>, so that no vector is split.</summary>
    public static (long Start, long End) Range(long items, long grain, int part, int parts)
    {
        long grains = (items + grain - 1) / grain;
        return (Math.Min(grains * part / parts * grain, items), Math.Min(grains * (part + 1) / parts * grain, items));
    }
}
