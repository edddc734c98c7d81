using System.Runtime.CompilerServices;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>Extents of a block of the product: constants of the compiled kernel, so that its loops unroll and its sums stay in registers.</summary>
interface IMatMulTile
{
    /// <summary>Rows of a block; a multiple of 4 and of <see cref="ThreadRows"/>.</summary>
    static abstract int Rows { get; }

    /// <summary>Columns of a block; a multiple of 4 and of <see cref="ThreadColumns"/>.</summary>
    static abstract int Columns { get; }

    /// <summary>Steps of the contracted axis between two barriers.</summary>
    static abstract int Depth { get; }

    /// <summary>Rows that one thread sums, a multiple of 4.</summary>
    static abstract int ThreadRows { get; }

    /// <summary>Columns that one thread sums, a multiple of 4.</summary>
    static abstract int ThreadColumns { get; }

    /// <summary>a · b + c. CUDA's assembler makes one instruction of it; the emulator must be told to round once.</summary>
    static abstract float MultiplyAdd(float a, float b, float c);
}

/// <summary>256 threads; 64 flops a float of shared memory: for products that fill the device.</summary>
readonly struct LargeTile : IMatMulTile
{
    public static int Rows => 128;
    public static int Columns => 128;
    public static int Depth => 8;
    public static int ThreadRows => 8;
    public static int ThreadColumns => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => a * b + c;
}

/// <summary>256 threads: four times the groups of <see cref="LargeTile"/>, for smaller products.</summary>
readonly struct SmallTile : IMatMulTile
{
    public static int Rows => 64;
    public static int Columns => 64;
    public static int Depth => 16;
    public static int ThreadRows => 4;
    public static int ThreadColumns => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => a * b + c;
}

/// <summary>4 threads, as each is one of the operating system's on the emulator.</summary>
readonly struct EmulatedTile : IMatMulTile
{
    public static int Rows => 16;
    public static int Columns => 16;
    public static int Depth => 16;
    public static int ThreadRows => 8;
    public static int ThreadColumns => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);
}

/// <summary>How a factor lies in memory.</summary>
interface IMatMulOperand
{
    /// <summary>Element (line, step) is at line · stride + step; else at step · stride + line.</summary>
    static abstract bool LinesAreContiguous { get; }
}

/// <summary>Rows of a left factor, or a weight's outputs.</summary>
readonly struct Lines : IMatMulOperand
{
    public static bool LinesAreContiguous => true;
}

/// <summary>Steps of the contracted axis one after the other.</summary>
readonly struct Steps : IMatMulOperand
{
    public static bool LinesAreContiguous => false;
}

/// <summary>What a product multiplies in place of its float32 operands.</summary>
interface IOperandRounding
{
    static abstract float Round(float value);
}

/// <summary>The operands themselves.</summary>
readonly struct Unrounded : IOperandRounding
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float value) => value;
}

/// <summary>bfloat16 numbers: what tensor cores multiply, for devices that have none.</summary>
readonly struct RoundedToBf16 : IOperandRounding
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float value) => DeviceMath.RoundToBf16(value);
}

/// <summary>Extents of one product c = or += a bᵀ.</summary>
struct MatMulCall
{
    /// <summary>Lines of a, lines of b, steps.</summary>
    public int Rows, Columns, Depth;

    /// <summary>Elements between neighbours along the axis that is not contiguous, and between rows of c.</summary>
    public int StrideA, StrideB, StrideC;

    /// <summary>Whether c's old contents are added to.</summary>
    public int Add;

    /// <summary>Whether the contiguous axis of a, and of b, consists of whole fours at multiples of 16 bytes.</summary>
    public int VectorsA, VectorsB;
}

/// <summary>Four neighbouring floats, moved in one instruction.</summary>
struct Float4
{
    public float X, Y, Z, W;
}

/// <summary>The tiled product of two factors.</summary>
static class MatMulTile
{
    // Elements behind each step's lines in shared memory: stores of neighbouring steps then fall into different banks.
    const int Padding = 4;

    /// <summary>Threads of a group.</summary>
    public static int Threads<TTile>() where TTile : struct, IMatMulTile => TTile.Rows / TTile.ThreadRows * (TTile.Columns / TTile.ThreadColumns);

    /// <summary>
    /// One group a block of c. Both factors' slices of <c>Depth</c> steps go through shared memory, the next ones being read into registers
    /// while these are multiplied; a thread sums ThreadRows × ThreadColumns products in registers. Bound by FMA throughput for blocks of
    /// 128. Sums are float32, along the steps in order.
    /// </summary>
    public static void Multiply<TTile, TRounding, TA, TB>(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, MatMulCall call)
        where TTile : struct, IMatMulTile where TRounding : struct, IOperandRounding where TA : struct, IMatMulOperand where TB : struct, IMatMulOperand
    {
        ArrayView<float> sharedA = SharedMemory.Allocate<float>(TTile.Depth * (TTile.Rows + Padding));
        ArrayView<float> sharedB = SharedMemory.Allocate<float>(TTile.Depth * (TTile.Columns + Padding));
        ArrayView<Float4> fastA = sharedA.Cast<Float4>(), fastB = sharedB.Cast<Float4>();
        var sums = LocalMemory.Allocate1D<float>(TTile.ThreadRows * TTile.ThreadColumns);
        var partA = LocalMemory.Allocate1D<float>(TTile.ThreadRows);
        var partB = LocalMemory.Allocate1D<float>(TTile.ThreadColumns);
        var nextA = LocalMemory.Allocate1D<float>(TTile.Rows * TTile.Depth / (TTile.Rows / TTile.ThreadRows * (TTile.Columns / TTile.ThreadColumns)));
        var nextB = LocalMemory.Allocate1D<float>(TTile.Columns * TTile.Depth / (TTile.Rows / TTile.ThreadRows * (TTile.Columns / TTile.ThreadColumns)));
        int acrossThreads = TTile.Columns / TTile.ThreadColumns, downThreads = TTile.Rows / TTile.ThreadRows, threads = acrossThreads * downThreads;
        int thread = Group.IdxX, across = thread % acrossThreads, down = thread / acrossThreads;
        int firstRow = Grid.IdxY * TTile.Rows, firstColumn = Grid.IdxX * TTile.Columns;
        for (int i = 0; i < TTile.ThreadRows * TTile.ThreadColumns; i++) sums[i] = 0;
        for (int i = 0; i < TTile.Rows * TTile.Depth / threads; i++)
            nextA[i] = Read<TA>(a, call.StrideA, thread + i * threads, TTile.Rows, TTile.Depth, firstRow, 0, call.Rows, call.Depth);
        for (int i = 0; i < TTile.Columns * TTile.Depth / threads; i++)
            nextB[i] = Read<TB>(b, call.StrideB, thread + i * threads, TTile.Columns, TTile.Depth, firstColumn, 0, call.Columns, call.Depth);
        for (int step = 0; step < call.Depth; step += TTile.Depth)
        {
            for (int i = 0; i < TTile.Rows * TTile.Depth / threads; i++)
                sharedA[Place<TA>(thread + i * threads, TTile.Rows, TTile.Depth)] = TRounding.Round(nextA[i]);
            for (int i = 0; i < TTile.Columns * TTile.Depth / threads; i++)
                sharedB[Place<TB>(thread + i * threads, TTile.Columns, TTile.Depth)] = TRounding.Round(nextB[i]);
            Group.Barrier();
            for (int i = 0; i < TTile.Rows * TTile.Depth / threads; i++)
                nextA[i] = Read<TA>(a, call.StrideA, thread + i * threads, TTile.Rows, TTile.Depth, firstRow, step + TTile.Depth, call.Rows, call.Depth);
            for (int i = 0; i < TTile.Columns * TTile.Depth / threads; i++)
                nextB[i] = Read<TB>(b, call.StrideB, thread + i * threads, TTile.Columns, TTile.Depth, firstColumn, step + TTile.Depth, call.Columns,
                    call.Depth);
            for (int k = 0; k < TTile.Depth; k++)
            {
                // A thread's rows are fours that lie a block's share apart: neighbouring threads then read neighbouring fours.
                for (int i = 0; i < TTile.ThreadRows / 4; i++)
                {
                    Float4 four = fastA[(k * (TTile.Rows + Padding) + i * downThreads * 4 + down * 4) / 4];
                    partA[i * 4] = four.X;
                    partA[i * 4 + 1] = four.Y;
                    partA[i * 4 + 2] = four.Z;
                    partA[i * 4 + 3] = four.W;
                }
                for (int j = 0; j < TTile.ThreadColumns / 4; j++)
                {
                    Float4 four = fastB[(k * (TTile.Columns + Padding) + j * acrossThreads * 4 + across * 4) / 4];
                    partB[j * 4] = four.X;
                    partB[j * 4 + 1] = four.Y;
                    partB[j * 4 + 2] = four.Z;
                    partB[j * 4 + 3] = four.W;
                }
                for (int i = 0; i < TTile.ThreadRows; i++)
                    for (int j = 0; j < TTile.ThreadColumns; j++)
                        sums[i * TTile.ThreadColumns + j] = TTile.MultiplyAdd(partA[i], partB[j], sums[i * TTile.ThreadColumns + j]);
            }
            Group.Barrier();
        }
        for (int i = 0; i < TTile.ThreadRows; i++)
        {
            int row = firstRow + i / 4 * downThreads * 4 + down * 4 + i % 4;
            for (int j = 0; j < TTile.ThreadColumns; j++)
            {
                int column = firstColumn + j / 4 * acrossThreads * 4 + across * 4 + j % 4;
                if (row < call.Rows && column < call.Columns)
                {
                    long at = (long)row * call.StrideC + column;
                    float sum = sums[i * TTile.ThreadColumns + j];
                    if (call.Add != 0) sum += c[at];
                    c[at] = sum;
                }
            }
        }
    }

    /// <summary>Element number <paramref name="index"/> of a slice, 0 outside the factor. Neighbouring threads read neighbours in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float Read<T>(ArrayView<float> from, int stride, int index, int lines, int depth, int firstLine, int firstStep, int lineCount, int stepCount)
        where T : struct, IMatMulOperand
    {
        int line = firstLine + (T.LinesAreContiguous ? index / depth : index % lines);
        int step = firstStep + (T.LinesAreContiguous ? index % depth : index / lines);
        if (line >= lineCount || step >= stepCount) return 0;
        return from[T.LinesAreContiguous ? (long)line * stride + step : (long)step * stride + line];
    }

    /// <summary>Where that element lies in shared memory: steps one behind the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Place<T>(int index, int lines, int depth) where T : struct, IMatMulOperand =>
        T.LinesAreContiguous ? index % depth * (lines + Padding) + index / depth : index / lines * (lines + Padding) + index % lines;
}
