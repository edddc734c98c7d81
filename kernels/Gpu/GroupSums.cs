using System.Runtime.CompilerServices;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>
/// Sums and maxima over the threads of a group, in a tree whose order depends on the group's size alone. Shared memory rather than warp
/// shuffles, which ILGPU has on CUDA and on Intel's OpenCL only. Groups are powers of two.
/// </summary>
static class GroupSums
{
    /// <summary>Most threads of a group: the size of the shared memory that callers provide.</summary>
    public const int MaxThreads = 256;

    /// <summary>The sum, in every thread.</summary>
    /// <param name="shared"><see cref="MaxThreads"/> elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(float value, ArrayView<float> shared)
    {
        // What an earlier call left may still be read.
        Group.Barrier();
        shared[Group.IdxX] = value;
        Group.Barrier();
        for (int half = Group.DimX >> 1; half > 0; half >>= 1)
        {
            if (Group.IdxX < half) shared[Group.IdxX] += shared[Group.IdxX + half];
            Group.Barrier();
        }
        return shared[0];
    }

    /// <inheritdoc cref="Sum(float, ArrayView{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(double value, ArrayView<double> shared)
    {
        Group.Barrier();
        shared[Group.IdxX] = value;
        Group.Barrier();
        for (int half = Group.DimX >> 1; half > 0; half >>= 1)
        {
            if (Group.IdxX < half) shared[Group.IdxX] += shared[Group.IdxX + half];
            Group.Barrier();
        }
        return shared[0];
    }

    /// <summary>The greatest, in every thread; NaN where a thread has it.</summary>
    /// <inheritdoc cref="Sum(float, ArrayView{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float value, ArrayView<float> shared)
    {
        Group.Barrier();
        shared[Group.IdxX] = value;
        Group.Barrier();
        for (int half = Group.DimX >> 1; half > 0; half >>= 1)
        {
            if (Group.IdxX < half) shared[Group.IdxX] = DeviceMath.Max(shared[Group.IdxX], shared[Group.IdxX + half]);
            Group.Barrier();
        }
        return shared[0];
    }
}
