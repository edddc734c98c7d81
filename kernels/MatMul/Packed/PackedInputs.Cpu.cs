using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The left factor of products with packed weights, in panels of rows, step by step along the inputs. For emitted tiles with dot products a step
/// of a row is a word: a float32 for such weights, two bfloat16, or four whole numbers of 8 bits for int8 and int4. For other tiles and portable
/// loops it is twice as wide: two float32, or the four numbers in 16 bits, the first and the third in one word, the others in the next. Panels of
/// portable loops hold four rows, or the last one alone.
/// </summary>
/// <remarks>
/// Whole numbers have one scale a row and are added exactly in 32 bits, so they give the same bits whatever the panel. Split: by panels.
/// Each element is read and written once.
/// </remarks>
unsafe struct PackedInputs
{
    /// <summary>Rows of a panel of the portable loops.</summary>
    public const int PortableRows = 4;

    // 1.5 · 2²³: a float32 of magnitude below 2²² added to it is rounded to a whole number, which its lowest bits hold.
    const float Rounder = 12582912f;

    // Least elements of a part: a few microseconds.
    const long LeastPartElements = 1 << 14;

    float* _x;
    byte* _rows;
    int _inputs, _limit, _parts, _zero;
    bool _isEmitted, _isWidened;

    public int Rows, Padded, Blocks;

    /// <summary>Rows of a full panel.</summary>
    public int PanelRows;

    /// <summary>Steps of the inputs: of one for float32, of two for bfloat16, of four for int8 and int4.</summary>
    public int Steps;

    /// <summary>Bytes of a row in a panel.</summary>
    public int RowBytes;

    /// <summary>Panels, one after the other.</summary>
    public byte* Panels;

    /// <summary>float32 [panel rows]: value of one whole number; for int8 and int4.</summary>
    public float* Scales;

    /// <summary>int32 [panel][blocks][rows of the panel]: minus the sum of a block's numbers times what packed weights are too large by;
    /// for int8 a row is one block.</summary>
    public int* Offsets;

    public readonly int PanelCount => (Rows + PanelRows - 1) / PanelRows;

    /// <summary>Rows of a panel, the padding included.</summary>
    public readonly int Height(int panel)
    {
        int rows = Math.Min(PanelRows, Rows - panel * PanelRows);
        return _isEmitted || rows == 1 ? rows : PanelRows;
    }

    /// <summary>The largest whole number to which a row's greatest magnitude is brought: 127, less where sums could leave 32 bits.</summary>
    public static int Limit(int padded) => (int)Math.Min(sbyte.MaxValue, int.MaxValue / (127L * padded));

    /// <param name="x">float32 [rows, inputs]; at least one row.</param>
    /// <param name="tiles">What the panels are for; null for portable loops.</param>
    public static PackedInputs Prepare<TVector>(ComputePool pool, float* x, int rows, int inputs, WeightForm form, PackedTiles? tiles)
        where TVector : struct, IVectorF32<TVector>
    {
        int padded = PackedWeight.PaddedInputs(form, inputs);
        int steps = form switch { WeightForm.PackedF32 => padded, WeightForm.BF16 => padded / 2, _ => padded / 4 };
        int inputWords = tiles?.InputWords ?? 2;
        var job = new PackedInputs
        {
            _x = x,
            _inputs = inputs,
            _limit = Limit(padded),
            _zero = PackedWeight.Zero(form),
            _isEmitted = tiles is not null,
            _isWidened = inputWords == 2,
            Rows = rows,
            Padded = padded,
            Steps = steps,
            RowBytes = steps * inputWords * sizeof(int),
            Blocks = form switch { WeightForm.Int4 => padded / PackedWeight.BlockInputs, WeightForm.Int8 => 1, _ => 0 },
        };
        // Panels of even heights: a last one of few rows would cost as much as a full one.
        int most = tiles?.MaxRows ?? PortableRows, panels = (rows + most - 1) / most;
        job.PanelRows = tiles is null ? most : (rows + panels - 1) / panels;
        long slots = (long)(job.PanelCount - 1) * job.PanelRows + job.Height(job.PanelCount - 1);
        long offsetsAt = slots * job.RowBytes, scalesAt = offsetsAt + slots * job.Blocks * sizeof(int);
        long rowAt = Aligned(scalesAt + slots * sizeof(float));
        job._parts = (int)Math.Min(Split.Parts(slots * padded, LeastPartElements, pool.ThreadCount), job.PanelCount);
        byte* memory = (byte*)pool.ThreadScratch(0, rowAt + job._parts * Aligned(padded));
        job.Panels = memory;
        job.Offsets = (int*)(memory + offsetsAt);
        job.Scales = (float*)(memory + scalesAt);
        job._rows = memory + rowAt;
        pool.Run(job._parts, form switch
        {
            WeightForm.PackedF32 => &TransposePart,
            WeightForm.BF16 => inputWords == 2 ? &CopyPart : &PackPart,
            _ => &RoundPart<TVector>,
        }, &job);
        return job;
    }

    static long Aligned(long bytes) => (bytes + HostBuffer.Alignment - 1) / HostBuffer.Alignment * HostBuffer.Alignment;

    readonly byte* PanelAt(int panel) => Panels + (long)panel * PanelRows * RowBytes;

    static void TransposePart(void* context, int part, int thread)
    {
        ref readonly PackedInputs job = ref *(PackedInputs*)context;
        var (first, end) = Split.Range(job.PanelCount, part, job._parts);
        for (int panel = (int)first; panel < end; panel++)
        {
            int rows = job.Height(panel);
            GemmPack<F32x8>.Panel(GemmOperand.OfLines(job._x, job._inputs), (long)panel * job.PanelRows, rows, rows, 0, job._inputs,
                (float*)job.PanelAt(panel));
        }
    }

    static void PackPart(void* context, int part, int thread)
    {
        ref readonly PackedInputs job = ref *(PackedInputs*)context;
        var (first, end) = Split.Range(job.PanelCount, part, job._parts);
        for (int panel = (int)first; panel < end; panel++)
            PackedTiles.PackBF16(job._x + (long)panel * job.PanelRows * job._inputs, job.Height(panel), job._inputs, job.PanelAt(panel));
    }

    static void CopyPart(void* context, int part, int thread)
    {
        ref readonly PackedInputs job = ref *(PackedInputs*)context;
        var (first, end) = Split.Range(job.PanelCount, part, job._parts);
        for (int panel = (int)first; panel < end; panel++)
        {
            int rows = job.Height(panel);
            for (int i = 0; i < rows; i++)
            {
                int row = panel * job.PanelRows + i;
                float* to = (float*)job.PanelAt(panel) + 2 * i;
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
        ref readonly PackedInputs job = ref *(PackedInputs*)context;
        var (first, end) = Split.Range(job.PanelCount, part, job._parts);
        sbyte* numbers = (sbyte*)(job._rows + part * Aligned(job.Padded));
        for (int panel = (int)first; panel < end; panel++)
        {
            int rows = job.Height(panel);
            for (int i = 0; i < rows; i++)
            {
                int row = panel * job.PanelRows + i;
                int* offsets = job.Offsets + (long)panel * job.PanelRows * job.Blocks + i;
                job.Scales[row] = row < job.Rows ? RoundRow<TVector>(job, job._x + (long)row * job._inputs, numbers, offsets, rows)
                    : Clear(job, numbers, offsets, rows);
                uint* from = (uint*)numbers, to = (uint*)job.PanelAt(panel);
                if (!job._isWidened)
                    for (int step = 0, at = i; step < job.Steps; step++, at += rows) to[at] = from[step];
                else
                    for (int step = 0, at = 2 * i; step < job.Steps; step++, at += 2 * rows) (to[at], to[at + 1]) = (Even(from[step]), Even(from[step] >> 8));
            }
        }
    }

    /// <summary>Bytes 0 and 2 as two int16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint Even(uint bytes) => Extended(bytes) | (uint)Extended(bytes >> 16) << 16;

    static ushort Extended(uint lowByte) => (ushort)(sbyte)lowByte;

    /// <summary>Whole numbers of a row, their offsets, and the value of one.</summary>
    /// <param name="stride">From an offset to the next.</param>
    static float RoundRow<TVector>(in PackedInputs job, float* x, sbyte* numbers, int* offsets, int stride) where TVector : struct, IVectorF32<TVector>
    {
        float greatest = GreatestMagnitude<TVector>(x, job._inputs);
        if (greatest == 0) return Clear(job, numbers, offsets, stride);
        if (!float.IsFinite(greatest))
        {
            // The row's results become NaN, as they would in float32.
            Clear(job, numbers, offsets, stride);
            return float.NaN;
        }
        // Two factors: the inverse of a denormal overflows.
        float up = greatest < 1e-30f ? 1e30f : 1, factor = job._limit / (greatest * up);
        int length = job.Padded / job.Blocks;
        for (int block = 0, start = 0; block < job.Blocks; block++, start += length, offsets += stride)
        {
            int count = Math.Min(length, job._inputs - start);
            *offsets = -job._zero * RoundBlock<TVector>(x + start, count, up, factor, numbers + start);
            new Span<sbyte>(numbers + start + count, length - count).Clear();
        }
        return greatest / job._limit;
    }

    /// <returns>The sum of the numbers, which is exact in float32.</returns>
    static int RoundBlock<TVector>(float* x, int count, float up, float factor, sbyte* numbers) where TVector : struct, IVectorF32<TVector>
    {
        TVector ups = TVector.Broadcast(up), factors = TVector.Broadcast(factor), rounder = TVector.Broadcast(Rounder), sums = TVector.Zero;
        int k = 0;
        for (; k + TVector.Count <= count; k += TVector.Count)
        {
            TVector rounded = TVector.Load(x + k) * ups * factors + rounder;
            sums += rounded - rounder;
            TVector.StoreLowBytes(rounded, numbers + k);
        }
        float sum = TVector.Sum(sums);
        for (; k < count; k++)
        {
            float rounded = x[k] * up * factor + Rounder;
            sum += rounded - Rounder;
            numbers[k] = (sbyte)BitConverter.SingleToInt32Bits(rounded);
        }
        return (int)sum;
    }

    static float Clear(in PackedInputs job, sbyte* numbers, int* offsets, int stride)
    {
        new Span<sbyte>(numbers, job.Padded).Clear();
        for (int block = 0; block < job.Blocks; block++) offsets[block * stride] = 0;
        return 0;
    }

    static float GreatestMagnitude<TVector>(float* x, int count) where TVector : struct, IVectorF32<TVector>
    {
        TVector even = TVector.Zero, odd = TVector.Zero;
        int n = TVector.Count, k = 0;
        for (; k + 2 * n <= count; k += 2 * n)
        {
            even = TVector.MaxMagnitude(even, TVector.Load(x + k));
            odd = TVector.MaxMagnitude(odd, TVector.Load(x + k + n));
        }
        if (k + n <= count)
        {
            even = TVector.MaxMagnitude(even, TVector.Load(x + k));
            k += n;
        }
        float result = TVector.MaxAcross(TVector.MaxMagnitude(even, odd));
        for (; k < count; k++) result = MathF.Max(result, MathF.Abs(x[k]));
        return result;
    }
}
