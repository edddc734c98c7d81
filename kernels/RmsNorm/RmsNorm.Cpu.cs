using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Forward: split by rows; a row is read twice, the second time from cache, and written once; bound by bandwidth. Backward: split by blocks of
/// 128 rows where the threads share them evenly: dy and x are read once, dx is written, and a block's dWeight waits in scratch to be added in
/// order. Else dx is split by rows and dWeight by columns, and dy and x are read twice. No split changes a bit; bound by bandwidth. Sums in
/// float32: four vectors across a row, blocks of rows down a column.
/// </summary>
public sealed unsafe class RmsNormCpu<TVector>(ComputePool pool) : RmsNorm where TVector : struct, IVectorF32<TVector>
{
    // Below this many elements a part costs less than waking a thread for it.
    const long LeastElements = 8192;

    // A column's float32 sum is restarted this often: rounding grows with the length of one running sum.
    const long BlockRows = 128;

    // Blocks a part from which one more costs less than reading everything twice.
    const int EvenBlocks = 4;

    // Columns of one cache line: two threads never write the same line of dWeight.
    const int LineColumns = 16;

    protected override void ForwardCore(Tensor x, Tensor weight, float epsilon, Tensor y, Tensor invRms)
    {
        var context = new ForwardContext
        {
            X = x.HostPointer<float>(),
            Weight = weight.HostPointer<float>(),
            Y = y.HostPointer<float>(),
            InvRms = invRms.HostPointer<float>(),
            Epsilon = epsilon,
            Rows = x.Shape.D0,
            Width = x.Shape.D1,
            Parts = PartsByRows(x.Shape),
        };
        pool.Run(context.Parts, &Forward, &context);
    }

    protected override void BackwardCore(Tensor dy, Tensor x, Tensor weight, Tensor invRms, Into into, Tensor dx, Tensor dWeight)
    {
        var context = new BackwardContext
        {
            Dy = dy.HostPointer<float>(),
            X = x.HostPointer<float>(),
            Weight = weight.HostPointer<float>(),
            InvRms = invRms.HostPointer<float>(),
            Into = into,
            Dx = dx.HostPointer<float>(),
            DWeight = dWeight.HostPointer<float>(),
            Rows = x.Shape.D0,
            Width = x.Shape.D1,
            Parts = PartsByRows(x.Shape),
        };
        long blocks = (context.Rows + BlockRows - 1) / BlockRows;
        if (blocks % context.Parts == 0 || blocks >= EvenBlocks * context.Parts)
        {
            context.Partials = (float*)pool.ThreadScratch(0, sizeof(float) * blocks * context.Width);
            pool.Run(context.Parts, &BackwardBlocks, &context);
            for (long block = 0; block < blocks; block++) AddSpan(context.Partials + block * context.Width, context.Width, context.DWeight);
            return;
        }
        // dWeight comes first, since dx may overwrite dy.
        context.Parts = Math.Min(context.Parts, Math.Max(x.Shape.D1 / LineColumns, 1));
        pool.Run(context.Parts, &BackwardWeight, &context);
        context.Parts = PartsByRows(x.Shape);
        pool.Run(context.Parts, &BackwardInput, &context);
    }

    int PartsByRows(Shape shape) =>
        (int)Math.Min(Split.Parts(shape.Count, LeastElements, pool.ThreadCount), Math.Max(shape.D0, 1));

    static void Forward(void* context, int part, int thread)
    {
        ref var c = ref *(ForwardContext*)context;
        var (start, end) = Split.Range(c.Rows, part, c.Parts);
        for (long row = start; row < end; row++)
        {
            float* x = c.X + row * c.Width;
            float* y = c.Y + row * c.Width;
            float inv = (float)(1 / Math.Sqrt((double)SumOfSquares(x, c.Width) / c.Width + c.Epsilon));
            c.InvRms[row] = inv;
            TVector scale = TVector.Broadcast(inv);
            long i = 0;
            for (; i + TVector.Count <= c.Width; i += TVector.Count)
                TVector.Store(TVector.Load(x + i) * scale * TVector.Load(c.Weight + i), y + i);
            for (; i < c.Width; i++) y[i] = x[i] * inv * c.Weight[i];
        }
    }

    static void BackwardInput(void* context, int part, int thread)
    {
        ref var c = ref *(BackwardContext*)context;
        var (start, end) = Split.Range(c.Rows, part, c.Parts);
        for (long row = start; row < end; row++)
        {
            float* x = c.X + row * c.Width;
            float* dy = c.Dy + row * c.Width;
            float* dx = c.Dx + row * c.Width;
            InputRow(c, dy, x, c.InvRms[row], Dot(dy, c.Weight, x, c.Width), dx);
        }
    }

    /// <summary>dx, and for each block of rows its part of dWeight.</summary>
    static void BackwardBlocks(void* context, int part, int thread)
    {
        ref var c = ref *(BackwardContext*)context;
        var (start, end) = Split.Range((c.Rows + BlockRows - 1) / BlockRows, part, c.Parts);
        for (long block = start; block < end; block++)
        {
            float* partial = c.Partials + block * c.Width;
            new Span<float>(partial, (int)c.Width).Clear();
            long last = Math.Min((block + 1) * BlockRows, c.Rows);
            for (long row = block * BlockRows; row < last; row++)
            {
                float* x = c.X + row * c.Width;
                float* dy = c.Dy + row * c.Width;
                float inv = c.InvRms[row];
                InputRow(c, dy, x, inv, DotAndPartial(dy, c.Weight, x, inv, c.Width, partial), c.Dx + row * c.Width);
            }
        }
    }

    static void AddSpan(float* source, long count, float* sum)
    {
        long i = 0;
        for (; i + TVector.Count <= count; i += TVector.Count) TVector.Store(TVector.Load(sum + i) + TVector.Load(source + i), sum + i);
        for (; i < count; i++) sum[i] += source[i];
    }

    /// <summary>dx = inv · (dy · weight) − x · pull, where pull = inv³ · dot / width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void InputRow(in BackwardContext c, float* dy, float* x, float inv, float dot, float* dx)
    {
        double inverse = inv;
        float pull = (float)(inverse * inverse * inverse * dot / c.Width);
        if (c.Into == Into.Add)
            InputRow<TVector, F32x1>(dy, x, c.Weight, inv, pull, c.Width, add: true, dx);
        else
            InputRow<TVector, F32x1>(dy, x, c.Weight, inv, pull, c.Width, add: false, dx);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void InputRow<TWide, TTail>(float* dy, float* x, float* weight, float inv, float pull, long width, bool add, float* dx)
        where TWide : struct, IVectorF32<TWide> where TTail : struct, IVectorF32<TTail>
    {
        long done = InputSpan<TWide>(dy, x, weight, inv, pull, 0, width, add, dx);
        InputSpan<TTail>(dy, x, weight, inv, pull, done, width, add, dx);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static long InputSpan<T>(float* dy, float* x, float* weight, float inv, float pull, long i, long width, bool add, float* dx)
        where T : struct, IVectorF32<T>
    {
        T scale = T.Broadcast(inv);
        T negativePull = T.Broadcast(-pull);
        for (; i + T.Count <= width; i += T.Count)
        {
            T own = T.Load(dy + i) * T.Load(weight + i) * scale;
            T result = T.MultiplyAdd(T.Load(x + i), negativePull, own);
            T.Store(add ? T.Load(dx + i) + result : result, dx + i);
        }
        return i;
    }

    static void BackwardWeight(void* context, int part, int thread)
    {
        ref var c = ref *(BackwardContext*)context;
        var (start, end) = Split.Range(c.Width, LineColumns, part, c.Parts);
        for (long first = 0; first < c.Rows; first += BlockRows)
        {
            long last = Math.Min(first + BlockRows, c.Rows);
            long i = start;
            for (; i + 4 * TVector.Count <= end; i += 4 * TVector.Count) FourColumns(ref c, first, last, i);
            for (; i + TVector.Count <= end; i += TVector.Count) OneColumn<TVector>(ref c, first, last, i);
            for (; i < end; i++) OneColumn<F32x1>(ref c, first, last, i);
        }
    }

    static void FourColumns(ref BackwardContext c, long first, long last, long i)
    {
        int n = TVector.Count;
        TVector sum0 = TVector.Zero, sum1 = TVector.Zero, sum2 = TVector.Zero, sum3 = TVector.Zero;
        for (long row = first; row < last; row++)
        {
            float* dy = c.Dy + row * c.Width + i;
            float* x = c.X + row * c.Width + i;
            TVector inv = TVector.Broadcast(c.InvRms[row]);
            sum0 = TVector.MultiplyAdd(TVector.Load(dy) * inv, TVector.Load(x), sum0);
            sum1 = TVector.MultiplyAdd(TVector.Load(dy + n) * inv, TVector.Load(x + n), sum1);
            sum2 = TVector.MultiplyAdd(TVector.Load(dy + 2 * n) * inv, TVector.Load(x + 2 * n), sum2);
            sum3 = TVector.MultiplyAdd(TVector.Load(dy + 3 * n) * inv, TVector.Load(x + 3 * n), sum3);
        }
        float* to = c.DWeight + i;
        TVector.Store(TVector.Load(to) + sum0, to);
        TVector.Store(TVector.Load(to + n) + sum1, to + n);
        TVector.Store(TVector.Load(to + 2 * n) + sum2, to + 2 * n);
        TVector.Store(TVector.Load(to + 3 * n) + sum3, to + 3 * n);
    }

    static void OneColumn<T>(ref BackwardContext c, long first, long last, long i) where T : struct, IVectorF32<T>
    {
        T sum = T.Zero;
        for (long row = first; row < last; row++)
            sum = T.MultiplyAdd(T.Load(c.Dy + row * c.Width + i) * T.Broadcast(c.InvRms[row]), T.Load(c.X + row * c.Width + i), sum);
        T.Store(T.Load(c.DWeight + i) + sum, c.DWeight + i);
    }

    static float SumOfSquares(float* x, long width)
    {
        int n = TVector.Count;
        TVector sum0 = TVector.Zero, sum1 = TVector.Zero, sum2 = TVector.Zero, sum3 = TVector.Zero;
        long i = 0;
        for (; i + 4 * n <= width; i += 4 * n)
        {
            TVector a = TVector.Load(x + i), b = TVector.Load(x + i + n), c = TVector.Load(x + i + 2 * n), d = TVector.Load(x + i + 3 * n);
            sum0 = TVector.MultiplyAdd(a, a, sum0);
            sum1 = TVector.MultiplyAdd(b, b, sum1);
            sum2 = TVector.MultiplyAdd(c, c, sum2);
            sum3 = TVector.MultiplyAdd(d, d, sum3);
        }
        for (; i + n <= width; i += n) sum0 = TVector.MultiplyAdd(TVector.Load(x + i), TVector.Load(x + i), sum0);
        float sum = TVector.Sum((sum0 + sum1) + (sum2 + sum3));
        for (; i < width; i++) sum = F32x1.MultiplyAdd(x[i], x[i], sum);
        return sum;
    }

    static float Dot(float* dy, float* weight, float* x, long width)
    {
        int n = TVector.Count;
        TVector sum0 = TVector.Zero, sum1 = TVector.Zero, sum2 = TVector.Zero, sum3 = TVector.Zero;
        long i = 0;
        for (; i + 4 * n <= width; i += 4 * n)
        {
            sum0 = TVector.MultiplyAdd(TVector.Load(dy + i) * TVector.Load(weight + i), TVector.Load(x + i), sum0);
            sum1 = TVector.MultiplyAdd(TVector.Load(dy + i + n) * TVector.Load(weight + i + n), TVector.Load(x + i + n), sum1);
            sum2 = TVector.MultiplyAdd(TVector.Load(dy + i + 2 * n) * TVector.Load(weight + i + 2 * n), TVector.Load(x + i + 2 * n), sum2);
            sum3 = TVector.MultiplyAdd(TVector.Load(dy + i + 3 * n) * TVector.Load(weight + i + 3 * n), TVector.Load(x + i + 3 * n), sum3);
        }
        for (; i + n <= width; i += n)
            sum0 = TVector.MultiplyAdd(TVector.Load(dy + i) * TVector.Load(weight + i), TVector.Load(x + i), sum0);
        float sum = TVector.Sum((sum0 + sum1) + (sum2 + sum3));
        for (; i < width; i++) sum = F32x1.MultiplyAdd(dy[i] * weight[i], x[i], sum);
        return sum;
    }

    /// <summary><see cref="Dot"/>, and partial += dy · inv · x.</summary>
    static float DotAndPartial(float* dy, float* weight, float* x, float inv, long width, float* partial)
    {
        int n = TVector.Count;
        TVector sum0 = TVector.Zero, sum1 = TVector.Zero, sum2 = TVector.Zero, sum3 = TVector.Zero, scale = TVector.Broadcast(inv);
        long i = 0;
        for (; i + 4 * n <= width; i += 4 * n)
        {
            sum0 = DotAndPartialAt(dy + i, weight + i, x + i, scale, partial + i, sum0);
            sum1 = DotAndPartialAt(dy + i + n, weight + i + n, x + i + n, scale, partial + i + n, sum1);
            sum2 = DotAndPartialAt(dy + i + 2 * n, weight + i + 2 * n, x + i + 2 * n, scale, partial + i + 2 * n, sum2);
            sum3 = DotAndPartialAt(dy + i + 3 * n, weight + i + 3 * n, x + i + 3 * n, scale, partial + i + 3 * n, sum3);
        }
        for (; i + n <= width; i += n) sum0 = DotAndPartialAt(dy + i, weight + i, x + i, scale, partial + i, sum0);
        var sum = new F32x1(TVector.Sum((sum0 + sum1) + (sum2 + sum3)));
        for (; i < width; i++) sum = DotAndPartialAt(dy + i, weight + i, x + i, new F32x1(inv), partial + i, sum);
        return F32x1.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T DotAndPartialAt<T>(float* dy, float* weight, float* x, T inv, float* partial, T sum) where T : struct, IVectorF32<T>
    {
        T gradient = T.Load(dy), value = T.Load(x);
        T.Store(T.MultiplyAdd(gradient * inv, value, T.Load(partial)), partial);
        return T.MultiplyAdd(gradient * T.Load(weight), value, sum);
    }

    struct ForwardContext
    {
        public float* X, Weight, Y, InvRms;
        public float Epsilon;
        public long Rows, Width;
        public int Parts;
    }

    struct BackwardContext
    {
        public float* Dy, X, Weight, InvRms, Dx, DWeight, Partials;
        public Into Into;
        public long Rows, Width;
        public int Parts;
    }
}
