using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Forward: split by rows; a row is read twice, the second time from cache, and written once; bound by bandwidth. Backward: dx is split by
/// rows (dy and x read twice, dx written), dWeight by columns (dy and x read once), each column summed over all rows in order, so that no
/// thread count changes a bit; bound by bandwidth. Sums in float32: four vectors across a row, blocks of 128 rows down a column.
/// </summary>
public sealed unsafe class RmsNormCpu<TVector>(ComputePool pool) : RmsNorm where TVector : struct, IVectorF32<TVector>
{
    // Below this many elements a part costs less than waking a thread for it.
    const long LeastElements = 8192;

    // A column's float32 sum is restarted this often: rounding grows with the length of one running sum.
    const long BlockRows = 128;

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
            Parts = Math.Min(PartsByRows(x.Shape), Math.Max(x.Shape.D1 / LineColumns, 1)),
        };
        // dWeight comes first, since dx may overwrite dy.
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
            float inv = c.InvRms[row];
            double inverse = inv;
            // dx = inv · (dy · weight) − x · pull
            float pull = (float)(inverse * inverse * inverse * Dot(dy, c.Weight, x, c.Width) / c.Width);
            if (c.Into == Into.Add)
                InputRow<TVector, F32x1>(dy, x, c.Weight, inv, pull, c.Width, add: true, dx);
            else
                InputRow<TVector, F32x1>(dy, x, c.Weight, inv, pull, c.Width, add: false, dx);
        }
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
        for (; i < width; i++) sum = float.MultiplyAddEstimate(x[i], x[i], sum);
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
        for (; i < width; i++) sum = float.MultiplyAddEstimate(dy[i] * weight[i], x[i], sum);
        return sum;
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
        public float* Dy, X, Weight, InvRms, Dx, DWeight;
        public Into Into;
        public long Rows, Width;
        public int Parts;
    }
}
