using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The left factor of products with packed weights, in panels of four rows (a last one alone in a panel of one) and along the inputs in
/// steps of two: float32 for bfloat16 weights; for int8 and int4 whole numbers of 16 bits with one scale a row.
/// </summary>
/// <remarks>
/// 16 bits keep the inputs finer than any bfloat16 does, so the weights' rounding is the only one that counts; products of whole numbers
/// are added exactly in 32 bits, since the greatest number falls as inputs grow. Split: by panels. Each element is read and written once.
/// </remarks>
unsafe struct LowPrecisionInputs
{
    /// <summary>Rows of a panel.</summary>
    public const int PanelRows = 4;

    // 1.5 · 2²³: a float32 of magnitude below 2²² added to it is rounded to a whole number, whose 16 bits are its lowest.
    const float Rounder = 12582912f;

    // Least elements of a part: a few microseconds.
    const long LeastPartElements = 1 << 14;

    float* _x;
    byte* _rows;
    int _inputs, _limit, _parts;
    bool _isInt4;

    public int Rows, Padded, Blocks;

    /// <summary>Panels, one after the other.</summary>
    public void* Panels;

    /// <summary>float32 [panel rows]: value of one whole number; not for bfloat16 weights.</summary>
    public float* Scales;

    /// <summary>int32 [panel][blocks][rows of the panel]: −8 times the sum of a block's numbers; int4 weights alone.</summary>
    public int* Offsets;

    /// <summary>Rows with the padding of the last panel.</summary>
    public readonly int RowsInPanels => Rows % PanelRows <= 1 ? Rows : Rows - Rows % PanelRows + PanelRows;

    public readonly int PanelCount => (Rows + PanelRows - 1) / PanelRows;

    /// <summary>Whether a panel holds one row.</summary>
    public readonly bool IsSingle(int panel) => Rows - panel * PanelRows == 1;

    public static LowPrecisionInputs Prepare<TVector>(ComputePool pool, float* x, int rows, int inputs, WeightForm form)
        where TVector : struct, IVectorF32<TVector>
    {
        int padded = PackedWeight.PaddedInputs(form, inputs);
        var result = new LowPrecisionInputs
        {
            _x = x,
            _inputs = inputs,
            // |weight| ≤ 127, and the greatest sum must stay below 2³¹; a block of int4 is far from it.
            _limit = form == WeightForm.Int8 ? (int)Math.Min(short.MaxValue, int.MaxValue / (127L * padded)) : short.MaxValue,
            _isInt4 = form == WeightForm.Int4,
            Rows = rows,
            Padded = padded,
            Blocks = form == WeightForm.Int4 ? padded / PackedWeight.BlockInputs : 0,
        };
        long elements = (long)result.RowsInPanels * padded, rowsInPanels = result.RowsInPanels;
        long offsetsAt = elements * sizeof(float), scalesAt = offsetsAt + rowsInPanels * result.Blocks * sizeof(int);
        long rowAt = Aligned(scalesAt + rowsInPanels * sizeof(float));
        result._parts = (int)Math.Min(Split.Parts(elements, LeastPartElements, pool.ThreadCount), result.PanelCount);
        byte* memory = (byte*)pool.ThreadScratch(0, rowAt + (long)result._parts * RowBytes(padded));
        result.Panels = memory;
        result.Offsets = (int*)(memory + offsetsAt);
        result.Scales = (float*)(memory + scalesAt);
        result._rows = memory + rowAt;
        pool.Run(result._parts, form == WeightForm.BF16 ? &CopyPart : &RoundPart<TVector>, &result);
        return result;
    }

    static long RowBytes(int padded) => Aligned(sizeof(float) * (long)padded);

    static long Aligned(long bytes) => (bytes + HostBuffer.Alignment - 1) / HostBuffer.Alignment * HostBuffer.Alignment;

    static void CopyPart(void* context, int part, int thread)
    {
        ref readonly LowPrecisionInputs job = ref *(LowPrecisionInputs*)context;
        var (first, end) = Split.Range(job.PanelCount, part, job._parts);
        for (int panel = (int)first; panel < end; panel++)
        {
            int rows = job.IsSingle(panel) ? 1 : PanelRows;
            for (int i = 0; i < rows; i++)
            {
                int row = panel * PanelRows + i;
                float* to = (float*)job.Panels + (long)panel * PanelRows * job.Padded + 2 * i;
                float* from = job._x + (long)row * job._inputs;
                int k = 0;
                if (row < job.Rows)
                    for (; k + 2 <= job._inputs; k += 2, to += 2 * rows) *(long*)to = *(long*)(from + k);
                for (; k < job.Padded; k += 2, to += 2 * rows) (to[0], to[1]) = (row < job.Rows && k < job._inputs ? from[k] : 0, 0);
            }
        }
    }

    static void RoundPart<TVector>(void* context, int part, int thread) where TVector : struct, IVectorF32<TVector>
    {
        ref readonly LowPrecisionInputs job = ref *(LowPrecisionInputs*)context;
        var (first, end) = Split.Range(job.PanelCount, part, job._parts);
        float* numbers = (float*)(job._rows + part * RowBytes(job.Padded));
        for (int panel = (int)first; panel < end; panel++)
        {
            int rows = job.IsSingle(panel) ? 1 : PanelRows;
            for (int i = 0; i < rows; i++)
            {
                int row = panel * PanelRows + i;
                job.Scales[row] = row < job.Rows ? RoundRow<TVector>(job, job._x + (long)row * job._inputs, numbers) : Clear(numbers, job.Padded);
                // The whole number is in the lower half of each float32.
                uint* to = (uint*)job.Panels + (long)panel * PanelRows * job.Padded / 2 + i;
                ushort* from = (ushort*)numbers;
                for (int k = 0; k < job.Padded; k += 2, from += 4, to += rows) *to = from[0] | (uint)from[2] << 16;
                if (job._isInt4) AddUp(numbers, job.Blocks, rows, job.Offsets + (long)panel * PanelRows * job.Blocks + i);
            }
        }
    }

    /// <summary>Numbers as they stand after <see cref="Rounder"/> was added, and the value of one.</summary>
    static float RoundRow<TVector>(in LowPrecisionInputs job, float* x, float* numbers) where TVector : struct, IVectorF32<TVector>
    {
        float greatest = GreatestMagnitude<TVector>(x, job._inputs);
        if (greatest == 0) return Clear(numbers, job.Padded);
        if (!float.IsFinite(greatest))
        {
            // The row's results become NaN, as they would in float32.
            Clear(numbers, job.Padded);
            return float.NaN;
        }
        // Two factors: the inverse of a denormal overflows.
        float up = greatest < 1e-30f ? 1e30f : 1, factor = job._limit / (greatest * up);
        TVector ups = TVector.Broadcast(up), factors = TVector.Broadcast(factor), rounder = TVector.Broadcast(Rounder);
        int k = 0;
        for (; k + TVector.Count <= job._inputs; k += TVector.Count)
            TVector.Store(TVector.Load(x + k) * ups * factors + rounder, numbers + k);
        for (; k < job._inputs; k++) numbers[k] = x[k] * up * factor + Rounder;
        new Span<float>(numbers + k, job.Padded - k).Fill(Rounder);
        return greatest / job._limit;
    }

    static float Clear(float* numbers, int count)
    {
        new Span<float>(numbers, count).Fill(Rounder);
        return 0;
    }

    static float GreatestMagnitude<TVector>(float* x, int count) where TVector : struct, IVectorF32<TVector>
    {
        TVector greatest = TVector.Zero;
        int k = 0;
        for (; k + TVector.Count <= count; k += TVector.Count)
        {
            TVector value = TVector.Load(x + k);
            greatest = TVector.Max(greatest, TVector.Max(value, TVector.Zero - value));
        }
        float result = TVector.MaxAcross(greatest);
        for (; k < count; k++) result = MathF.Max(result, MathF.Abs(x[k]));
        return result;
    }

    static void AddUp(float* numbers, int blocks, int stride, int* offsets)
    {
        for (int block = 0; block < blocks; block++, offsets += stride, numbers += PackedWeight.BlockInputs)
        {
            int sum = 0;
            for (int k = 0; k < PackedWeight.BlockInputs; k++) sum += (short)BitConverter.SingleToInt32Bits(numbers[k]);
            *offsets = -8 * sum;
        }
    }
}
