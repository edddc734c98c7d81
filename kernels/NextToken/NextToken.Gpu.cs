using System.Runtime.CompilerServices;
using DistillEngine.Core;
using ILGPU;
using ChooseKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<int>, int, int,
    DistillEngine.Kernels.NextTokenRules, ILGPU.ArrayView<int>>;

namespace DistillEngine.Kernels;

/// <summary>One group a row, its threads striding over history and logits; each logit is read once; bound by bandwidth. No sums.</summary>
sealed class NextTokenGpu(Gpu gpu) : NextToken
{
    readonly TunedKernel<ChooseKernel> _choose = gpu.Tuned<ChooseKernel>("next_token", ChooseRows<WarpLanes>, ChooseRows<SharedLanes>);

    protected override void ChooseCore(Tensor logits, Tensor history, NextTokenRules rules, Tensor ids)
    {
        if (logits.Shape.D0 == 0) return;
        ArrayView<float> scores = gpu.View<float>(logits);
        _choose.Run(LaunchGrid.OfRows(logits.Shape.D0, logits.Shape.D1),
            (scores, history: gpu.View<int>(history), vocabulary: logits.Shape.D1, length: history.Shape.D1, rules, ids: gpu.View<int>(ids)),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.scores, a.history, a.vocabulary, a.length, a.rules, a.ids), scores);
    }

    // Every thread goes through every round: PoCL lets all threads into a loop behind a barrier that only some should enter.
    internal static void ChooseRows<TLanes>(
        ArrayView<float> logits, ArrayView<int> history, int vocabulary, int length, NextTokenRules rules, ArrayView<int> ids)
        where TLanes : struct, ILanes
    {
        ArrayView<ulong> shared = SharedMemory.Allocate<ulong>(GroupSums.MaxThreads);
        long row = (long)Grid.IdxX * vocabulary, past = (long)Grid.IdxX * length;
        if (rules.RepetitionPenalty != 1)
        {
            for (int start = 0; start < length; start += Group.DimX)
            {
                int i = start + Group.IdxX;
                if (i < length && IsFirst(history, past, i))
                    logits[row + history[past + i]] = Penalized(logits[row + history[past + i]], rules.RepetitionPenalty);
            }
        }
        Group.Barrier();
        if (rules.NoRepeatNgramSize > 0)
        {
            for (int start = 0; start + rules.NoRepeatNgramSize <= length; start += Group.DimX)
            {
                int i = start + Group.IdxX, last = i + rules.NoRepeatNgramSize - 1;
                if (last < length && EndsWith(history, past, i, length, rules.NoRepeatNgramSize - 1))
                    logits[row + history[past + last]] = float.NegativeInfinity;
            }
        }
        if (Group.IdxX == 0 && length - 1 < rules.MinNewTokens) logits[row + rules.EosId] = float.NegativeInfinity;
        int limit = rules.VocabularySize > 0 && rules.VocabularySize < vocabulary ? rules.VocabularySize : vocabulary;
        for (int start = limit; start < vocabulary; start += Group.DimX)
            if (start + Group.IdxX < vocabulary) logits[row + start + Group.IdxX] = float.NegativeInfinity;
        Group.Barrier();
        ulong best = 0;
        for (int start = 0; start < vocabulary; start += Group.DimX)
        {
            int id = start + Group.IdxX;
            if (id < vocabulary)
            {
                ulong rank = Rank(logits[row + id], id);
                best = rank > best ? rank : best;
            }
        }
        best = GroupSums<TLanes>.Max(best, shared);
        if (Group.IdxX == 0) ids[Grid.IdxX] = (int)(uint.MaxValue - (uint)best);
    }

    /// <summary>A number that orders logits, NaN above all, and among equal ones the smaller id first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong Rank(float logit, int id)
    {
        uint bits = Interop.FloatAsInt(logit);
        // Larger magnitudes are larger integers, of negative numbers downwards.
        uint order = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
        if ((bits & 0x7fffffffu) > 0x7f800000u) order = uint.MaxValue;
        return ((ulong)order << 32) | (uint.MaxValue - (uint)id);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float Penalized(float logit, float penalty) => logit < 0 ? logit * penalty : logit / penalty;

    /// <summary>Whether an id of the history is there for the first time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IsFirst(ArrayView<int> history, long past, int i)
    {
        int earlier = 0;
        for (int j = 0; j < i; j++)
            if (history[past + j] == history[past + i]) earlier++;
        return earlier == 0;
    }

    /// <summary>Whether the <paramref name="count"/> ids from i on are the last of the history.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool EndsWith(ArrayView<int> history, long past, int i, int length, int count)
    {
        int different = 0;
        for (int k = 0; k < count; k++)
            if (history[past + i + k] != history[past + length - count + k]) different++;
        return different == 0;
    }
}
