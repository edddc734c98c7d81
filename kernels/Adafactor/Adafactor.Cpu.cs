using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Split by blocks of rows, the column means by columns. A factored parameter is read three times (squares; RMS of the update; update) and
/// written once: 20 bytes an element, the update being recomputed rather than stored. Others are read twice beside their squares. Bound by
/// bandwidth. Sums run in float32 over at most 1,024 elements of a row, or 32 of a column, and in double above that, over blocks that
/// depend on the shape alone: no thread count changes a bit.
/// </summary>
public sealed unsafe class AdafactorCpu<TVector>(ComputePool pool) : Adafactor where TVector : struct, IVectorF32<TVector>
{
    // Below this many elements a part costs less than waking a thread for it.
    const long LeastElements = 16384;

    // A column's squares are summed over this many rows into one row of scratch.
    const long BlockRows = 32;

    // Parameters that are not factored are treated as rows of this many elements, some to a block.
    const long FlatWidth = 1024, FlatBlockRows = 4;

    // Columns of one cache line; and how many are summed at a time.
    const int LineColumns = 16, StripeColumns = 64;

    protected override void UpdateCore(Tensor gradient, Tensor gradientNorm, in AdafactorStep step, Tensor value, in AdafactorState state,
        Tensor scratch)
    {
        if (value.Count == 0) return;
        bool factored = state.Squares.IsAbsent;
        bool torch = step.Dialect == AdafactorDialect.Torch;
        long count = value.Count;
        long width = factored ? value.Shape.D1 : FlatWidth;
        long rows = factored ? value.Shape.D0 : (count + FlatWidth - 1) / FlatWidth;
        long blockRows = factored ? BlockRows : FlatBlockRows;
        long blocks = (rows + blockRows - 1) / blockRows;
        double* sums = (double*)pool.ThreadScratch(0, 2 * blocks * sizeof(double));
        double oneMinusBeta2 = step.OneMinusBeta2;
        var context = new AdafactorContext
        {
            Gradient = gradient.HostPointer<float>(),
            Value = value.HostPointer<float>(),
            Moment = state.Moment.IsAbsent ? null : state.Moment.HostPointer<float>(),
            Scratch = scratch.HostPointer<float>(),
            ValueSums = sums,
            UpdateSums = sums + blocks,
            Count = count,
            Rows = rows,
            Width = width,
            BlockRows = blockRows,
            Blocks = blocks,
            Clip = GradientNorm.ClipFactor(*gradientNorm.HostPointer<float>(), step.Clip),
            Beta2 = 1 - oneMinusBeta2,
            OneMinusBeta2 = oneMinusBeta2,
            Added = torch ? 0 : (float)step.Epsilon1,
            Floor = torch ? (float)(step.Epsilon1 * step.Epsilon1) : 0,
            Beta1 = (float)step.Beta1,
            OneMinusBeta1 = (float)(1 - step.Beta1),
            Separable = factored && !torch,
            NeedsValueRms = step.NeedsValueRms,
            NeedsUpdateRms = step.ClipThreshold > 0,
            Parts = (int)Math.Min(Split.Parts(count, LeastElements, pool.ThreadCount), blocks),
        };
        if (factored)
            ObserveFactored(ref context, state, torch ? step.Epsilon1 : 0);
        else
            ObserveFull(ref context, state);

        double rate = step.ScaledRate(step.NeedsValueRms ? RootMeanSquare(context.ValueSums, blocks, count) : 0);
        double excess = step.ClipThreshold > 0 ? Math.Max(1, RootMeanSquare(context.UpdateSums, blocks, count) / step.ClipThreshold) : 1;
        context.Rate = (float)(rate / excess);
        context.Decay = (float)step.Decay(rate);
        pool.Run(context.Parts, &ApplyPart, &context);
    }

    /// <summary>Updates row and column means and sums the squares of the update they give.</summary>
    void ObserveFactored(ref AdafactorContext c, in AdafactorState state, double leastMean)
    {
        c.RowMeans = state.RowMeans.HostPointer<float>();
        c.ColumnMeans = state.ColumnMeans.HostPointer<float>();
        fixed (AdafactorContext* context = &c)
        {
            pool.Run(c.Parts, &ObserveRowsPart, context);
            int parts = c.Parts;
            c.Parts = (int)Math.Min(Split.Parts(c.Blocks * c.Width, LeastElements, pool.ThreadCount), Math.Max(c.Width / LineColumns, 1));
            pool.Run(c.Parts, &ObserveColumnsPart, context);
            c.Parts = parts;
            double sum = 0;
            for (long row = 0; row < c.Rows; row++) sum += c.RowMeans[row];
            c.MeanOfRows = Math.Max(sum / c.Rows, leastMean);
            // Column factors stand in the first row of scratch; where they cannot be separated, the means themselves are used.
            c.Second = c.Separable ? c.Scratch : c.ColumnMeans;
            if (c.NeedsUpdateRms) pool.Run(c.Parts, &SumUpdatesPart, context);
        }
    }

    void ObserveFull(ref AdafactorContext c, in AdafactorState state)
    {
        c.Second = state.Squares.HostPointer<float>();
        c.SecondStride = c.Width;
        fixed (AdafactorContext* context = &c) pool.Run(c.Parts, &ObserveFullPart, context);
    }

    static void ObserveRowsPart(void* context, int part, int thread)
    {
        ref var c = ref *(AdafactorContext*)context;
        var (first, last) = Split.Range(c.Blocks, part, c.Parts);
        for (long block = first; block < last; block++)
        {
            float* columns = c.Scratch + block * c.Width;
            new Span<float>(columns, checked((int)c.Width)).Clear();
            double valueSum = 0;
            long end = Math.Min((block + 1) * c.BlockRows, c.Rows);
            for (long row = block * c.BlockRows; row < end; row++)
            {
                double mean = AdafactorSpans<TVector>.ObserveRow(in c, c.Gradient + row * c.Width, columns) / c.Width;
                c.RowMeans[row] = (float)(c.Beta2 * c.RowMeans[row] + c.OneMinusBeta2 * mean);
                if (c.NeedsValueRms) valueSum += AdafactorSpans<TVector>.SumOfSquares(c.Value + row * c.Width, c.Width);
            }
            c.ValueSums[block] = valueSum;
        }
    }

    static void ObserveColumnsPart(void* context, int part, int thread)
    {
        ref var c = ref *(AdafactorContext*)context;
        var (start, end) = Split.Range(c.Width, LineColumns, part, c.Parts);
        double* sums = stackalloc double[StripeColumns];
        for (; start < end; start += StripeColumns)
        {
            int columns = (int)Math.Min(StripeColumns, end - start);
            new Span<double>(sums, columns).Clear();
            for (long block = 0; block < c.Blocks; block++)
            {
                float* from = c.Scratch + block * c.Width + start;
                for (int i = 0; i < columns; i++) sums[i] += from[i];
            }
            for (int i = 0; i < columns; i++)
            {
                long column = start + i;
                float mean = (float)(c.Beta2 * c.ColumnMeans[column] + c.OneMinusBeta2 * (sums[i] / c.Rows));
                c.ColumnMeans[column] = mean;
                if (c.Separable) c.Scratch[column] = (float)(1 / Math.Sqrt(mean));
            }
        }
    }

    static void SumUpdatesPart(void* context, int part, int thread)
    {
        ref var c = ref *(AdafactorContext*)context;
        var (first, last) = Split.Range(c.Blocks, part, c.Parts);
        for (long block = first; block < last; block++)
        {
            double sum = 0;
            long end = Math.Min((block + 1) * c.BlockRows, c.Rows);
            for (long row = block * c.BlockRows; row < end; row++)
                sum += AdafactorSpans<TVector>.SumUpdates(in c, c.Gradient + row * c.Width, c.Second, c.RowTerm(row), c.Width);
            c.UpdateSums[block] = sum;
        }
    }

    static void ObserveFullPart(void* context, int part, int thread)
    {
        ref var c = ref *(AdafactorContext*)context;
        var (first, last) = Split.Range(c.Blocks, part, c.Parts);
        for (long block = first; block < last; block++)
        {
            var (valueSum, updateSum) = (0d, 0d);
            long end = Math.Min((block + 1) * c.BlockRows, c.Rows);
            for (long row = block * c.BlockRows; row < end; row++)
            {
                long at = row * c.Width;
                long length = Math.Min(c.Width, c.Count - at);
                AdafactorSpans<TVector>.ObserveSquares(in c, c.Gradient + at, length, c.Second + at);
                if (c.NeedsUpdateRms) updateSum += AdafactorSpans<TVector>.SumUpdates(in c, c.Gradient + at, c.Second + at, 1, length);
                if (c.NeedsValueRms) valueSum += AdafactorSpans<TVector>.SumOfSquares(c.Value + at, length);
            }
            (c.ValueSums[block], c.UpdateSums[block]) = (valueSum, updateSum);
        }
    }

    static void ApplyPart(void* context, int part, int thread)
    {
        ref var c = ref *(AdafactorContext*)context;
        var (first, last) = Split.Range(c.Blocks, part, c.Parts);
        long end = Math.Min(last * c.BlockRows, c.Rows);
        for (long row = first * c.BlockRows; row < end; row++)
        {
            long at = row * c.Width;
            long length = Math.Min(c.Width, c.Count - at);
            float* moment = c.Moment == null ? null : c.Moment + at;
            float* second = c.Second + row * c.SecondStride;
            AdafactorSpans<TVector>.Apply(in c, c.Gradient + at, second, c.RowTerm(row), length, c.Value + at, moment);
        }
    }

    static double RootMeanSquare(double* sums, long blocks, long count)
    {
        double sum = 0;
        for (long block = 0; block < blocks; block++) sum += sums[block];
        return Math.Sqrt(sum / count);
    }
}

/// <summary>What the passes over one parameter share, on the caller's stack.</summary>
unsafe struct AdafactorContext
{
    public float* Gradient, Value, Moment, RowMeans, ColumnMeans, Scratch;

    /// <summary>Column factors or means (the same for every row), or full squares (<see cref="SecondStride"/> apart).</summary>
    public float* Second;
    public double* ValueSums, UpdateSums;
    public long Count, Rows, Width, BlockRows, Blocks, SecondStride;
    public double Beta2, OneMinusBeta2, MeanOfRows;
    public float Clip, Added, Floor, Beta1, OneMinusBeta1, Rate, Decay;

    /// <summary>Whether the estimate's root is a row factor times a column factor: no floor stands on their product.</summary>
    public bool Separable;
    public bool NeedsValueRms, NeedsUpdateRms;
    public int Parts;

    /// <summary>What a row contributes to its updates: 1/√(mean/mean of means), or that ratio itself, or 1 where nothing is factored.</summary>
    public readonly float RowTerm(long row)
    {
        if (RowMeans == null) return 1;
        double ratio = RowMeans[row] / MeanOfRows;
        return (float)(Separable ? 1 / Math.Sqrt(ratio) : ratio);
    }
}
