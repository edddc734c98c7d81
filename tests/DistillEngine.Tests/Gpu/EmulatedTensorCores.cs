using DistillEngine.Kernels;
using ILGPU;

namespace DistillEngine.Tests.Gpu;

/// <summary>The exchange of fragments within a warp of 32 threads through shared memory, by the definitions of the PTX ISA.</summary>
static class EmulatedWarp
{
    /// <summary>Four words of each factor's part, of 32 lanes.</summary>
    public const int ExchangeWords = 2 * 4 * Lanes;

    const int Lanes = 32;

    static int Lane => Group.IdxX % Lanes;

    /// <summary>This warp's first word.</summary>
    static int Start => Group.IdxX / Lanes * ExchangeWords;

    /// <summary>ldmatrix: lane l gives the address of row l % 8 of matrix l / 8.</summary>
    public static void Load(ArrayView<int> shared, int word, ArrayView<int> part, int at, ArrayView<int> exchange)
    {
        int lane = Lane, start = Start;
        exchange[start + lane] = word;
        Group.Barrier();
        for (int i = 0; i < 4; i++) part[at + i] = shared[exchange[start + i * 8 + lane / 4] + lane % 4] | BankConflict(start + i * 8, exchange);
        Group.Barrier();
    }

    /// <summary>ldmatrix.trans: a lane receives the elements of rows 2 (l % 4) and the next of column l / 4.</summary>
    public static void LoadTransposed(ArrayView<int> shared, int word, ArrayView<int> part, int at, ArrayView<int> exchange)
    {
        int lane = Lane, start = Start, column = lane / 4, row = lane % 4 * 2;
        exchange[start + lane] = word;
        Group.Barrier();
        for (int i = 0; i < 4; i++)
        {
            int first = shared[exchange[start + i * 8 + row] + column / 2], second = shared[exchange[start + i * 8 + row + 1] + column / 2];
            part[at + i] = ((first >> (column % 2 * 16)) & 0xffff) | (second >> (column % 2 * 16) << 16) | BankConflict(start + i * 8, exchange);
        }
        Group.Barrier();
    }

    /// <summary>All bits, which are no numbers, where two of a matrix's 8 rows lie in the same of the 32 banks, else none: a tile that loads more
    /// slowly than it could fails its tests.</summary>
    static int BankConflict(int firstRow, ArrayView<int> exchange)
    {
        int banks = 0;
        for (int row = 0; row < 8; row++) banks |= 1 << (exchange[firstRow + row] / 4 % 8);
        return banks == 0xff ? 0 : -1;
    }

    /// <summary>Publishes the words of both parts.</summary>
    public static void Publish(ArrayView<int> partA, int atA, ArrayView<int> partB, int atB, ArrayView<int> exchange)
    {
        for (int i = 0; i < 4; i++)
        {
            exchange[Start + i * Lanes + Lane] = partA[atA + i];
            exchange[Start + (4 + i) * Lanes + Lane] = partB[atB + i];
        }
        Group.Barrier();
    }

    /// <summary>Word of depth <paramref name="k"/> of a line of a: register 0 holds (l / 4, l % 4), 1 the lines 8 on, 2 and 3 the words 4 on.</summary>
    public static int WordOfA(int line, int k, ArrayView<int> exchange) => exchange[Start + (line / 8 + k / 4 * 2) * Lanes + line % 8 * 4 + k % 4];

    /// <summary>The same of b: register 1 holds the words 4 on, 2 and 3 the lines 8 on.</summary>
    public static int WordOfB(int line, int k, ArrayView<int> exchange) => exchange[Start + (4 + line / 8 * 2 + k / 4) * Lanes + line % 8 * 4 + k % 4];

    /// <summary>Line of a that belongs to sum number <paramref name="i"/> of 8.</summary>
    public static int LineOfA(int i) => Lane / 4 + i / 2 % 2 * 8;

    /// <summary>Line of b that belongs to it.</summary>
    public static int LineOfB(int i) => i / 4 * 8 + Lane % 4 * 2 + i % 2;
}

readonly struct EmulatedBf16 : ITensorCore
{
    public static int Packed => 2;
    public static int ExchangeWords => EmulatedWarp.ExchangeWords;

    public static int AddressOfShared() => 0;

    public static int Here(int value) => value;

    public static int Pack(float earlier, float later) =>
        (int)((Interop.FloatAsInt(DeviceMath.RoundToBf16(earlier)) >> 16) | Interop.FloatAsInt(DeviceMath.RoundToBf16(later)));

    public static void Load(ArrayView<int> shared, int address, int word, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        EmulatedWarp.Load(shared, word, part, at, exchange);

    public static void LoadSteps(
        ArrayView<int> shared, int address, int word, int stride, int lowerLines, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        EmulatedWarp.LoadTransposed(shared, word, part, at, exchange);

    public static void MultiplyAdd(ArrayView<float> sums, int at, ArrayView<int> partA, int atA, ArrayView<int> partB, int atB, ArrayView<int> exchange)
    {
        EmulatedWarp.Publish(partA, atA, partB, atB, exchange);
        for (int i = 0; i < 8; i++)
        {
            float sum = sums[at + i];
            for (int k = 0; k < 8; k++)
            {
                uint a = (uint)EmulatedWarp.WordOfA(EmulatedWarp.LineOfA(i), k, exchange), b = (uint)EmulatedWarp.WordOfB(EmulatedWarp.LineOfB(i), k, exchange);
                sum += Interop.IntAsFloat(a << 16) * Interop.IntAsFloat(b << 16);
                sum += Interop.IntAsFloat(a & 0xffff0000u) * Interop.IntAsFloat(b & 0xffff0000u);
            }
            sums[at + i] = sum;
        }
        Group.Barrier();
    }
}

readonly struct EmulatedTf32 : ITensorCore
{
    public static int Packed => 1;
    public static int ExchangeWords => EmulatedWarp.ExchangeWords;

    public static int AddressOfShared() => 0;

    public static int Here(int value) => value;

    public static int Pack(float earlier, float later) => (int)(Interop.FloatAsInt(earlier) + 0x1000u & 0xffffe000u);

    public static void Load(ArrayView<int> shared, int address, int word, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        EmulatedWarp.Load(shared, word, part, at, exchange);

    public static void LoadSteps(
        ArrayView<int> shared, int address, int word, int stride, int lowerLines, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        Tf32Steps.Load(shared, word, stride, lowerLines, part, at);

    public static void MultiplyAdd(ArrayView<float> sums, int at, ArrayView<int> partA, int atA, ArrayView<int> partB, int atB, ArrayView<int> exchange)
    {
        EmulatedWarp.Publish(partA, atA, partB, atB, exchange);
        for (int i = 0; i < 8; i++)
        {
            float sum = sums[at + i];
            for (int k = 0; k < 8; k++)
            {
                uint a = (uint)EmulatedWarp.WordOfA(EmulatedWarp.LineOfA(i), k, exchange), b = (uint)EmulatedWarp.WordOfB(EmulatedWarp.LineOfB(i), k, exchange);
                sum += Interop.IntAsFloat(a) * Interop.IntAsFloat(b);
            }
            sums[at + i] = sum;
        }
        Group.Barrier();
    }
}

/// <summary>32 × 16 by one warp.</summary>
readonly struct OneWarpTile : ITensorTile
{
    public static int WarpsDown => 1;
    public static int WarpsAcross => 1;
    public static int WarpRows => 32;
    public static int WarpColumns => 16;
}

/// <summary>32 × 32 by four warps.</summary>
readonly struct FourWarpTile : ITensorTile
{
    public static int WarpsDown => 2;
    public static int WarpsAcross => 2;
    public static int WarpRows => 16;
    public static int WarpColumns => 16;
}
