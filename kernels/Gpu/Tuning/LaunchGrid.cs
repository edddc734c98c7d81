using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>The work of a launch: how many groups of a size it takes, and the class of shapes that a choice among sizes is kept for.</summary>
/// <param name="Across">Rows, blocks or elements.</param>
/// <param name="Down">Elements of a row or block.</param>
/// <param name="Depth">Another extent that times depend on.</param>
readonly record struct LaunchGrid(long Across, long Down, long Depth = 1)
{
    GridForm Form { get; init; }

    int RowThreads { get; init; }

    enum GridForm : byte
    {
        Rows,
        Columns,
        Elements,
        Shares,
    }

    /// <summary>A group a row or block, its threads striding over <paramref name="width"/> elements.</summary>
    public static LaunchGrid OfRows(long rows, long width) => new(rows, width);

    /// <summary>A thread a column of each block.</summary>
    public static LaunchGrid OfColumns(long blocks, long width) => new(blocks, width) { Form = GridForm.Columns };

    /// <summary>Threads that stride over all elements.</summary>
    public static LaunchGrid OfElements(long count) => new(count, 1) { Form = GridForm.Elements };

    /// <summary>A group a sequence and head, times as many shares of its rows as fill the device.</summary>
    /// <param name="rows">No sequence has more.</param>
    /// <param name="rowThreads">Threads that share a row.</param>
    public static LaunchGrid OfShares(long spansTimesHeads, long rows, long depth, int rowThreads) =>
        new(spansTimesHeads, rows, depth) { Form = GridForm.Shares, RowThreads = rowThreads };

    public TuningKey KeyOf(string op) => TuningKey.Of(op, "f32", Across, Down, Depth);

    public KernelConfig Of(Gpu gpu, int groupSize)
    {
        long across = Across, down = 1;
        switch (Form)
        {
            case GridForm.Columns:
                down = Groups(Down, groupSize);
                break;
            case GridForm.Elements:
                across = Math.Min(Groups(Across, groupSize), gpu.MostGroups);
                break;
            case GridForm.Shares:
                down = Math.Max(Math.Min(Groups(Down, groupSize / RowThreads), Groups(gpu.MostGroups, Across)), 1);
                break;
        }
        return new(new Index3D(checked((int)across), checked((int)down), 1), new Index3D(groupSize, 1, 1));
    }

    static long Groups(long items, long size) => (items + size - 1) / size;
}
