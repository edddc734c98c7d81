using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>What one choice serves: launches of like extents take the same kernel.</summary>
/// <param name="Op">Which product or other kernel.</param>
/// <param name="Type">Type of its operands.</param>
/// <param name="Rows">Bits of the extent less 1: 5 stands for 17 … 32. So with the others.</param>
readonly record struct TuningKey(string Op, string Type, int Rows, int Columns, int Depth)
{
    public static TuningKey Of(string op, string type, long rows, long columns, long depth) => new(op, type, Class(rows), Class(columns), Class(depth));

    /// <summary>As it stands in the file: <c>forward bf16 32 x 512 x 512</c>, by the greatest extents of the class.</summary>
    public override string ToString() => $"{Op} {Type} {1L << Rows} x {1L << Columns} x {1L << Depth}";

    static int Class(long extent) => 64 - BitOperations.LeadingZeroCount((ulong)Math.Max(extent - 1, 0));
}
