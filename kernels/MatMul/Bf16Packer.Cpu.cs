using System.Runtime.CompilerServices;

namespace DistillEngine.Kernels;

/// <summary>
/// Rounds a block of a factor to bfloat16 and copies it into panels [words, width] of pairs of steps, for dot products of pairs. Every
/// element is read once. Bound: bandwidth of the caches, as in <see cref="GemmPack{TVector}"/>.
/// </summary>
sealed unsafe class Bf16Packer
{
    // A round of the routine for lines; the rounded lines stay in the first cache until they are transposed.
    const int Steps = 64, Words = Steps / 2;

    // Lines of the widest panel.
    const int MaxLines = 32;

    readonly nint _lines, _rowPanels;
    readonly nint[] _steps;

    Bf16Packer(nint lines, nint rowPanels, nint[] steps) => (_lines, _rowPanels, _steps) = (lines, rowPanels, steps);

    /// <summary>Null where executable memory is refused.</summary>
    public static Bf16Packer? Create(CodeLoader load)
    {
        bool windows = OperatingSystem.IsWindows();
        nint lines = load(Bf16PackEmitter.EmitLines(windows));
        nint[] steps = [.. new[] { 1, 2 }.Select(vectors => load(Bf16PackEmitter.EmitSteps(vectors, windows)))];
        nint rowPanels = load(Bf16PackEmitter.EmitRowPanels(windows));
        return lines == 0 || rowPanels == 0 || steps.Contains(0) ? null : new(lines, rowPanels, steps);
    }

    /// <summary>Packs lines first … first + count − 1, steps start … start + depth − 1, into one panel; missing lines, and the step after an
    /// odd last one, are zeros.</summary>
    /// <param name="count">1 … width.</param>
    /// <param name="width">At most 32.</param>
    public void Panel(in GemmOperand source, long first, int count, int width, long start, int depth, float* panel)
    {
        float* origin = source.At(first, start);
        if (source.LinesAreContiguous) Transpose(origin, source.Stride, count, width, depth, panel);
        else Interleave(origin, source.Stride, count, width, depth, (uint*)panel);
    }

    /// <summary>Packs a group of whole row panels of contiguous steps, <see cref="GemmPack512.GroupRows"/> lines.</summary>
    /// <param name="panelStride">Words from a panel to the next.</param>
    public void RowPanels(in GemmOperand source, long first, long start, int depth, float* panels, long panelStride)
    {
        int rounds = (depth + 1) / 2 - 1;
        if (rounds > 0)
        {
            PackCall call;
            call.Source = source.At(first, start);
            call.StrideBytes = source.Stride * sizeof(float);
            call.Target = (uint*)panels;
            call.TargetStrideBytes = GemmPack512.Rows * sizeof(uint);
            call.PanelStrideBytes = panelStride * sizeof(uint);
            call.Count = rounds;
            call.MaskFirst(GemmPack512.GroupRows);
            Run(_rowPanels, &call);
        }
        // The last round must leave alone what lies behind the panels.
        for (int panel = 0; panel < GemmKernel.PanelGroup; panel++)
            Panel(source, first + panel * GemmPack512.Rows, GemmPack512.Rows, GemmPack512.Rows, start + 2 * rounds, depth - 2 * rounds,
                panels + panel * panelStride + rounds * GemmPack512.Rows);
    }

    void Interleave(float* source, long stride, int count, int width, int depth, uint* panel)
    {
        if (count < width) new Span<uint>(panel, (depth + 1) / 2 * width).Clear();
        int pairs = depth / 2;
        if (pairs > 0)
        {
            PackCall call;
            call.Source = source;
            call.StrideBytes = stride * sizeof(float);
            call.Target = panel;
            call.TargetStrideBytes = width * (long)sizeof(uint);
            call.PanelStrideBytes = 0;
            call.Count = pairs;
            call.MaskFirst(count);
            Run(_steps[(count - 1) / 16], &call);
        }
        if (depth % 2 == 0) return;
        source += (depth - 1) * stride;
        panel += pairs * (long)width;
        for (int i = 0; i < count; i++) panel[i] = Bf16.Word(source[i], 0);
    }

    [SkipLocalsInit]
    void Transpose(float* source, long stride, int count, int width, int depth, float* panel)
    {
        uint* rounded = stackalloc uint[MaxLines * Words];
        PackCall call;
        call.StrideBytes = stride * sizeof(float);
        call.Target = rounded;
        call.TargetStrideBytes = Words * sizeof(uint);
        call.PanelStrideBytes = 0;
        call.Count = count;
        for (int k = 0; k < depth; k += Steps, panel += Words * (long)width)
        {
            int steps = Math.Min(Steps, depth - k);
            call.Source = source + k;
            call.MaskFirst(steps);
            Run(_lines, &call);
            GemmPack<F32x8>.Panel(GemmOperand.OfLines((float*)rounded, Words), 0, count, width, 0, (steps + 1) / 2, panel);
        }
    }

    // A panel takes about a microsecond, allocates nothing and never waits, so that the garbage collector can wait for it.
    static void Run(nint routine, PackCall* call) => ((delegate* unmanaged[SuppressGCTransition]<PackCall*, void>)routine)(call);
}
