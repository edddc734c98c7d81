using System.Runtime.CompilerServices;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>
/// Sums and maxima over the threads of a group, in an order that depends on the sizes of group and warp alone. All threads of the group must
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

    /// <summary>The sum of each of several values a thread.</summary>
    /// <param name="values">Of this thread, <paramref name="count"/> elements.</param>
    /// <param name="shared">count · <see cref="GroupSums.MaxThreads"/> elements; sum i is left at i · MaxThreads, for every thread.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SumEach(ArrayView<float> values, int count, ArrayView<float> shared)
    {
        Group.Barrier();
        if (TLanes.HasShuffles)
        {
            int warps = Group.DimX / Warp.WarpSize;
            for (int i = 0; i < count; i++)
            {
                float sum = ReduceWarp<float, SumOfFloats>(values[i]);
                if (Warp.LaneIdx == 0) shared[i * GroupSums.MaxThreads + Group.IdxX / Warp.WarpSize] = sum;
            }
            Group.Barrier();
            // The same number of rounds for every thread, as barriers want it.
            for (int start = 0; start < count; start += Group.DimX)
            {
                int i = start + Group.IdxX;
                if (i < count)
                {
                    float sum = shared[i * GroupSums.MaxThreads];
                    for (int warp = 1; warp < warps; warp++) sum += shared[i * GroupSums.MaxThreads + warp];
                    shared[i * GroupSums.MaxThreads] = sum;
                }
            }
            Group.Barrier();
        }
        else
        {
            GroupSums.SumNeighbours(values, count, Group.DimX, shared);
        }
    }

    /// <summary>Each warp by shuffles, then one value a warp through shared memory, where every thread takes them in their order. Without
    /// shuffles a warp is one thread, and a tree in shared memory halves the values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T Reduce<T, TOperation>(T value, ArrayView<T> shared) where T : unmanaged where TOperation : struct, IReductionOperation<T>
    {
        // What an earlier call left may still be read.
        Group.Barrier();
        if (TLanes.HasShuffles)
        {
            T ofWarp = ReduceWarp<T, TOperation>(value);
            if (Warp.LaneIdx == 0) shared[Group.IdxX / Warp.WarpSize] = ofWarp;
            Group.Barrier();
            T result = shared[0];
            for (int warp = 1; warp < Group.DimX / Warp.WarpSize; warp++) result = TOperation.Combine(result, shared[warp]);
            return result;
        }
        shared[Group.IdxX] = value;
        Group.Barrier();
        for (int half = Group.DimX >> 1; half > 0; half >>= 1)
        {
            if (Group.IdxX < half) shared[Group.IdxX] = TOperation.Combine(shared[Group.IdxX], shared[Group.IdxX + half]);
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
