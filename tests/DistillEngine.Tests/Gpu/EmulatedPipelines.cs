using DistillEngine.Kernels;
using ILGPU;

namespace DistillEngine.Tests.Gpu;

/// <summary>When the copies of a thread, which may arrive at any time until they are waited for, do so.</summary>
interface ICopyTime
{
    /// <summary>At once, where they overwrite what is still read, or when they are waited for, where they are missed by what reads too early.</summary>
    static abstract bool IsLate { get; }
}

readonly struct Early : ICopyTime
{
    public static bool IsLate => false;
}

readonly struct Late : ICopyTime
{
    public static bool IsLate => true;
}

/// <summary>Emulated tensor cores with copies in the background, by the definitions of cp.async in the PTX ISA.</summary>
readonly struct EmulatedPipeline<TTime> : IPipelineCore where TTime : struct, ICopyTime
{
    // Of a thread's queue: copies that were queued, that were made, and groups that were ended; then the copies, each a group, a place and 4 words.
    const int Queued = 0, Made = 1, Ended = 2, Head = 3, CopyWords = 6, MostCopies = 64, QueueWords = Head + MostCopies * CopyWords;

    public static int Packed => EmulatedBf16.Packed;
    public static int ExchangeWords => EmulatedBf16.ExchangeWords + 32 * QueueWords;

    /// <summary>This thread's queue, behind what the warps exchange fragments by.</summary>
    static int Queue => Group.DimX / 32 * EmulatedBf16.ExchangeWords + Group.IdxX * QueueWords;

    public static int AddressOfShared() => EmulatedBf16.AddressOfShared();

    public static int Here(int value) => EmulatedBf16.Here(value);

    public static int Pack(float earlier, float later) => EmulatedBf16.Pack(earlier, later);

    public static void Load(ArrayView<int> shared, int address, int word, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        EmulatedBf16.Load(shared, address, word, part, at, exchange);

    public static void LoadSteps(
        ArrayView<int> shared, int address, int word, int stride, int lowerLines, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        EmulatedBf16.LoadSteps(shared, address, word, stride, lowerLines, part, at, exchange);

    public static void MultiplyAdd(ArrayView<float> sums, int at, ArrayView<int> partA, int atA, ArrayView<int> partB, int atB, ArrayView<int> exchange) =>
        EmulatedBf16.MultiplyAdd(sums, at, partA, atA, partB, atB, exchange);

    public static void Begin(ArrayView<int> exchange)
    {
        for (int i = 0; i < Head; i++) exchange[Queue + i] = 0;
    }

    public static void Copy(ArrayView<Word4> from, long fromAddress, long chunk, int bytes, ArrayView<int> shared, int address, int word,
        ArrayView<int> exchange)
    {
        Word4 words = default;
        if (bytes == 16) words = from[chunk];
        int number = exchange[Queue + Queued], place = Queue + Head + number % MostCopies * CopyWords;
        exchange[place] = exchange[Queue + Ended];
        exchange[place + 1] = word;
        exchange[place + 2] = words.X;
        exchange[place + 3] = words.Y;
        exchange[place + 4] = words.Z;
        exchange[place + 5] = words.W;
        exchange[Queue + Queued] = number + 1;
        if (!TTime.IsLate) Make(shared, exchange, exchange[Queue + Ended] + 1);
    }

    public static void Commit(ArrayView<int> exchange) => exchange[Queue + Ended]++;

    public static void WaitForAllButOne(ArrayView<int> shared, ArrayView<int> exchange) => Make(shared, exchange, exchange[Queue + Ended] - 1);

    public static void WaitForAllButTwo(ArrayView<int> shared, ArrayView<int> exchange) => Make(shared, exchange, exchange[Queue + Ended] - 2);

    /// <summary>Makes the copies of this thread's first groups.</summary>
    static void Make(ArrayView<int> shared, ArrayView<int> exchange, int groups)
    {
        while (exchange[Queue + Made] < exchange[Queue + Queued])
        {
            int place = Queue + Head + exchange[Queue + Made] % MostCopies * CopyWords;
            if (exchange[place] >= groups) return;
            for (int i = 0; i < 4; i++) shared[exchange[place + 1] + i] = exchange[place + 2 + i];
            exchange[Queue + Made]++;
        }
    }
}

/// <summary>64 × 64 by two warps, one below the other; four slices of 32 steps.</summary>
readonly struct ShallowTestPipeline : IPipelineTile
{
    public static int WarpsDown => 2;
    public static int WarpsAcross => 1;
    public static int WarpRows => 32;
    public static int WarpColumns => 64;
    public static int Depth => 32;
    public static int Stages => 4;
}

/// <summary>64 × 64 by two warps side by side; three slices of 64 steps.</summary>
readonly struct DeepTestPipeline : IPipelineTile
{
    public static int WarpsDown => 1;
    public static int WarpsAcross => 2;
    public static int WarpRows => 64;
    public static int WarpColumns => 32;
    public static int Depth => 64;
    public static int Stages => 3;
}
