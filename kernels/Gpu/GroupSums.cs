using System.Runtime.CompilerServices;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>
/// Sums and maxima over the threads of a group, in an order that depends on the number of values and the size of a warp alone. All threads of the group must
/// call; groups are powers of two, and whole warps where warps are used.
/// </summary>
/// <typeparam name="TLanes">How the threads exchange values; <see cref="Gpu.HasShuffles"/> tells which the device has.</typeparam>
static class GroupSums<TLanes> where TLanes : struct, ILanes
{
    /// <summary>The sum, in every thread.</summary>
    /// <param name="shared"><see cref="GroupSums.MaxThreads"/> elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(float value, ArrayView<float> shared) => Reduce<float, SumOfFloats>(value, shared);

    /// <inheritdoc cref="Sum(float, ArrayView{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(double value, ArrayView<double> shared) => Reduce<double, SumOfDoubles>(value, shared);

    /// <summary>The greatest, in every thread; NaN where a thread has it.</summary>
    /// <inheritdoc cref="Sum(float, ArrayView{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float value, ArrayView<float> shared) => Reduce<float, GreatestFloat>(value, shared);

    /// <inheritdoc cref="Max(float, ArrayView{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Max(ulong value, ArrayView<ulong> shared) => Reduce<ulong, GreatestInteger>(value, shared);

    /// <summary>
    /// Hands one part of a sum over. A group that goes through all parts, each thread its own and those a group's size apart, has the same bits in
    /// <see cref="Total(int, ArrayView{float})"/> whatever its size: a part stands for the thread that a group of as many threads as parts would have.
    /// Neighbouring threads have neighbouring parts, and the parts of a warp are summed by its shuffles.
    /// </summary>
    /// <param name="shared"><see cref="GroupSums.MaxThreads"/> elements, which nothing reads any more.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Post(int part, float value, ArrayView<float> shared) => PostPart<float, SumOfFloats>(part, value, shared);

    /// <inheritdoc cref="Post(int, float, ArrayView{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Post(int part, double value, ArrayView<double> shared) => PostPart<double, SumOfDoubles>(part, value, shared);

    /// <summary>The sum of all parts that were posted, in every thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Total(int parts, ArrayView<float> shared) => TotalOfParts<float, SumOfFloats>(parts, shared);

    /// <inheritdoc cref="Total(int, ArrayView{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Total(int parts, ArrayView<double> shared) => TotalOfParts<double, SumOfDoubles>(parts, shared);

    /// <summary>One part of each of several sums.</summary>
    /// <param name="values">Of this thread, <paramref name="count"/> elements.</param>
    /// <param name="shared">count · <see cref="GroupSums.MaxThreads"/> elements, which nothing reads any more.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PostEach(int part, ArrayView<float> values, int count, ArrayView<float> shared)
    {
        for (int i = 0; i < count; i++) Post(part, values[i], shared.SubView(i * GroupSums.MaxThreads, GroupSums.MaxThreads));
    }

    /// <summary>The sums of all parts that were posted: sum i is left at i · MaxThreads, for every thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TotalEach(int parts, int count, ArrayView<float> shared)
    {
        Group.Barrier();
        if (TLanes.HasShuffles)
        {
            // The same number of rounds for every thread, as barriers want it.
            for (int start = 0; start < count; start += Group.DimX)
            {
                int i = start + Group.IdxX;
                if (i < count)
                {
                    float sum = shared[i * GroupSums.MaxThreads];
                    for (int warp = 1; warp < parts / Warp.WarpSize; warp++) sum += shared[i * GroupSums.MaxThreads + warp];
                    shared[i * GroupSums.MaxThreads] = sum;
                }
            }
            Group.Barrier();
        }
        else
        {
            GroupSums.HalveEach(parts, count, shared);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T Reduce<T, TOperation>(T value, ArrayView<T> shared) where T : unmanaged where TOperation : struct, IReductionOperation<T>
    {
        // What an earlier call left may still be read.
        Group.Barrier();
        PostPart<T, TOperation>(Group.IdxX, value, shared);
        return TotalOfParts<T, TOperation>(Group.DimX, shared);
    }

    /// <summary>Each warp by shuffles, of which one value goes through shared memory; without shuffles a warp is one thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void PostPart<T, TOperation>(int part, T value, ArrayView<T> shared) where T : unmanaged where TOperation : struct, IReductionOperation<T>
    {
        if (TLanes.HasShuffles)
        {
            T ofWarp = ReduceWarp<T, TOperation>(value);
            if (Warp.LaneIdx == 0) shared[part / Warp.WarpSize] = ofWarp;
        }
        else
        {
            shared[part] = value;
        }
    }

    /// <summary>The warps' values in their order, by every thread; without shuffles a tree halves the values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T TotalOfParts<T, TOperation>(int parts, ArrayView<T> shared) where T : unmanaged where TOperation : struct, IReductionOperation<T>
    {
        Group.Barrier();
        if (TLanes.HasShuffles)
        {
            T result = shared[0];
            for (int warp = 1; warp < parts / Warp.WarpSize; warp++) result = TOperation.Combine(result, shared[warp]);
            return result;
        }
        for (int half = parts >> 1; half > 0; half >>= 1)
        {
            for (int start = 0; start < half; start += Group.DimX)
            {
                int i = start + Group.IdxX;
                if (i < half) shared[i] = TOperation.Combine(shared[i], shared[i + half]);
            }
            Group.Barrier();
        }
        return shared[0];
    }

    /// <summary>In every lane the same bits: both partners of an exchange compute the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T ReduceWarp<T, TOperation>(T value) where T : unmanaged where TOperation : struct, IReductionOperation<T>
    {
        for (int distance = Warp.WarpSize >> 1; distance > 0; distance >>= 1)
            value = TOperation.Combine(value, Warp.ShuffleXor(value, distance));
        return value;
    }
}

/// <summary>What all reductions of groups share.</summary>
static class GroupSums
{
    /// <summary>Most threads of a group: the size of the shared memory that callers provide.</summary>
    public const int MaxThreads = 256;

    /// <summary>Sum i of <paramref name="count"/>, of so many parts from i · MaxThreads on, to its first place, by a tree.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void HalveEach(int parts, int count, ArrayView<float> shared)
    {
        for (int half = parts >> 1; half > 0; half >>= 1)
        {
            for (int start = 0; start < half; start += Group.DimX)
            {
                int part = start + Group.IdxX;
                if (part < half)
                {
                    for (int i = 0; i < count; i++) shared[i * MaxThreads + part] += shared[i * MaxThreads + part + half];
                }
            }
            Group.Barrier();
        }
    }

    /// <summary>The sum of each of several values a thread, over threads that are neighbours, by a tree in shared memory.</summary>
    /// <param name="values">Of this thread, <paramref name="count"/> elements.</param>
    /// <param name="threads">That are summed together: a power of two that divides the group's.</param>
    /// <param name="shared">count · <see cref="MaxThreads"/> elements; sum i is left at i · MaxThreads plus the first of the threads, for all.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SumNeighbours(ArrayView<float> values, int count, int threads, ArrayView<float> shared)
    {
        int lane = Group.IdxX % threads;
        for (int i = 0; i < count; i++) shared[i * MaxThreads + Group.IdxX] = values[i];
        Group.Barrier();
        for (int half = threads >> 1; half > 0; half >>= 1)
        {
            if (lane < half)
            {
                for (int i = 0; i < count; i++) shared[i * MaxThreads + Group.IdxX] += shared[i * MaxThreads + Group.IdxX + half];
            }
            Group.Barrier();
        }
    }
}

/// <summary>How the threads of a group exchange values: a constant of the compiled kernel.</summary>
interface ILanes
{
    /// <summary>Whether the lanes of a warp read each other's registers. ILGPU generates such code for CUDA (and its emulator); on OpenCL it
    /// knows Intel's extension alone.</summary>
    static abstract bool HasShuffles { get; }
}

/// <summary>Warps of any width, 32 on CUDA.</summary>
readonly struct WarpLanes : ILanes
{
    public static bool HasShuffles => true;
}

/// <summary>Shared memory alone.</summary>
readonly struct SharedLanes : ILanes
{
    public static bool HasShuffles => false;
}

/// <summary>An associative, commutative operation.</summary>
interface IReductionOperation<T> where T : unmanaged
{
    static abstract T Combine(T a, T b);
}

readonly struct SumOfFloats : IReductionOperation<float>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Combine(float a, float b) => a + b;
}

readonly struct SumOfDoubles : IReductionOperation<double>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Combine(double a, double b) => a + b;
}

readonly struct GreatestFloat : IReductionOperation<float>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Combine(float a, float b) => DeviceMath.Max(a, b);
}

readonly struct GreatestInteger : IReductionOperation<ulong>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Combine(ulong a, ulong b) => a > b ? a : b;
}
