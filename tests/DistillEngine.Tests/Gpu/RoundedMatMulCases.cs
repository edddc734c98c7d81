using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Kernels;

namespace DistillEngine.Tests.Gpu;

/// <summary>Products of rounded operands on any device: edges of blocks and slices on every side, factors that can and cannot be read in
/// fours, empty axes.</summary>
static class RoundedMatMulCases
{
    public static readonly (int Rows, int Inputs, int Outputs)[] Sizes =
    [
        (1, 1, 1), (3, 5, 18), (9, 17, 33), (17, 1, 5), (16, 32, 16), (36, 68, 20), (33, 40, 15), (40, 12, 66), (0, 4, 4), (12, 0, 4), (4, 4, 0),
    ];

    /// <param name="sumsAreTruncated">Whether tensor cores sum.</param>
    public static void Agree(MatMul op, ComputePrecision precision, bool sumsAreTruncated, params ReadOnlySpan<(int, int, int)> sizes) =>
        Agree(op, precision, sumsAreTruncated, roundingIsOptional: false, sizes);

    /// <param name="roundingIsOptional">As a library has it that chooses how it multiplies.</param>
    /// <inheritdoc cref="Agree(MatMul, ComputePrecision, bool, ReadOnlySpan{ValueTuple{int, int, int}})"/>
    public static void Agree(MatMul op, ComputePrecision precision, bool sumsAreTruncated, bool roundingIsOptional, params ReadOnlySpan<(int, int, int)> sizes)
    {
        foreach (var (rows, inputs, outputs) in sizes)
        {
            foreach (Into into in (Into[])[Into.Overwrite, Into.Add])
            {
                using var problem = new RoundedProduct(rows, inputs, outputs, into, precision, MatMulGpu.MaxFewRows + 1)
                {
                    SumsAreTruncated = sumsAreTruncated, RoundingIsOptional = roundingIsOptional,
                };
                problem.Run(op);
                problem.AssertEqualsOracle($"{rows} × {inputs} → {outputs}, {into}, {precision}");
            }
        }
    }
}
