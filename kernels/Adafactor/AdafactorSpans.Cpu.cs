using System.Runtime.CompilerServices;

namespace DistillEngine.Kernels;

/// <summary>The inner loops of <see cref="AdafactorCpu{TVector}"/>, over elements of one row. Bound by bandwidth; one square root and one
/// division an element where the estimate is not separable. Float32 sums run over at most <see cref="Chunk"/> elements, double above.</summary>
static unsafe class AdafactorSpans<TVector> where TVector : struct, IVectorF32<TVector>
{
    const long Chunk = 1024;

    public static double SumOfSquares(float* x, long count)
    {
        double sum = 0;
        for (long start = 0; start < count; start += Chunk)
        {
            long i = start, end = Math.Min(start + Chunk, count);
            TVector sum0 = TVector.Zero, sum1 = TVector.Zero;
            for (; i + 2 * TVector.Count <= end; i += 2 * TVector.Count)
            {
                TVector a = TVector.Load(x + i), b = TVector.Load(x + i + TVector.Count);
                sum0 = TVector.MultiplyAdd(a, a, sum0);
                sum1 = TVector.MultiplyAdd(b, b, sum1);
            }
            sum += TVector.Sum(sum0 + sum1);
            for (; i < end; i++) sum += (double)x[i] * x[i];
        }
        return sum;
    }

    /// <summary>Adds the squares of a row to <paramref name="columns"/> and returns their sum.</summary>
    public static double ObserveRow(in AdafactorContext c, float* gradient, float* columns)
    {
        TVector clip = TVector.Broadcast(c.Clip), added = TVector.Broadcast(c.Added);
        long width = c.Width;
        double sum = 0;
        for (long start = 0; start < width; start += Chunk)
        {
            long i = start, end = Math.Min(start + Chunk, width);
            TVector chunk = TVector.Zero;
            for (; i + TVector.Count <= end; i += TVector.Count)
            {
                TVector square = Square(TVector.Load(gradient + i), clip, added);
                TVector.Store(TVector.Load(columns + i) + square, columns + i);
                chunk += square;
            }
            sum += TVector.Sum(chunk);
            for (; i < end; i++)
            {
                F32x1 square = Square(F32x1.Load(gradient + i), F32x1.Broadcast(c.Clip), F32x1.Broadcast(c.Added));
                F32x1.Store(F32x1.Load(columns + i) + square, columns + i);
                sum += F32x1.Sum(square);
            }
        }
        return sum;
    }

    /// <summary>Updates full squares.</summary>
    public static void ObserveSquares(in AdafactorContext c, float* gradient, long count, float* squares) =>
        ObserveSquares<F32x1>(in c, gradient, ObserveSquares<TVector>(in c, gradient, 0, count, squares), count, squares);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static long ObserveSquares<T>(in AdafactorContext c, float* gradient, long i, long count, float* squares)
        where T : struct, IVectorF32<T>
    {
        T clip = T.Broadcast(c.Clip), added = T.Broadcast(c.Added);
        T beta2 = T.Broadcast((float)c.Beta2), oneMinusBeta2 = T.Broadcast((float)c.OneMinusBeta2);
        for (; i + T.Count <= count; i += T.Count)
        {
            T square = Square(T.Load(gradient + i), clip, added);
            T.Store(T.MultiplyAdd(oneMinusBeta2, square, T.Load(squares + i) * beta2), squares + i);
        }
        return i;
    }

    /// <summary>Σ of the squared updates of a row.</summary>
    /// <param name="second">Column factors or means, or full squares.</param>
    public static double SumUpdates(in AdafactorContext c, float* gradient, float* second, float rowTerm, long count) => c.Separable
        ? SumUpdates<Separable>(in c, gradient, second, rowTerm, count)
        : SumUpdates<Elementwise>(in c, gradient, second, rowTerm, count);

    static double SumUpdates<TEstimate>(in AdafactorContext c, float* gradient, float* second, float rowTerm, long count)
        where TEstimate : struct, IEstimate
    {
        TVector clip = TVector.Broadcast(c.Clip), row = TVector.Broadcast(rowTerm), floor = TVector.Broadcast(c.Floor);
        double sum = 0;
        for (long start = 0; start < count; start += Chunk)
        {
            long i = start, end = Math.Min(start + Chunk, count);
            TVector chunk = TVector.Zero;
            for (; i + TVector.Count <= end; i += TVector.Count)
            {
                TVector update = TEstimate.Update(TVector.Load(gradient + i) * clip, TVector.Load(second + i), row, floor);
                chunk = TVector.MultiplyAdd(update, update, chunk);
            }
            sum += TVector.Sum(chunk);
            for (; i < end; i++)
            {
                F32x1 g = F32x1.Load(gradient + i) * F32x1.Broadcast(c.Clip);
                double update = F32x1.Sum(TEstimate.Update(g, F32x1.Load(second + i), F32x1.Broadcast(rowTerm), F32x1.Broadcast(c.Floor)));
                sum += update * update;
            }
        }
        return sum;
    }

    /// <summary>value −= decay · value + rate · update, the latter through the first moment where there is one.</summary>
    /// <param name="moment">Null where there is none.</param>
    public static void Apply(in AdafactorContext c, float* gradient, float* second, float rowTerm, long count, float* value, float* moment)
    {
        if (c.Separable)
            Apply<Separable>(in c, gradient, second, rowTerm, count, value, moment);
        else
            Apply<Elementwise>(in c, gradient, second, rowTerm, count, value, moment);
    }

    static void Apply<TEstimate>(in AdafactorContext c, float* gradient, float* second, float rowTerm, long count, float* value,
        float* moment) where TEstimate : struct, IEstimate
    {
        long done = Apply<TVector, TEstimate>(in c, gradient, second, rowTerm, 0, count, value, moment);
        Apply<F32x1, TEstimate>(in c, gradient, second, rowTerm, done, count, value, moment);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static long Apply<T, TEstimate>(in AdafactorContext c, float* gradient, float* second, float rowTerm, long i, long count, float* value,
        float* moment) where T : struct, IVectorF32<T> where TEstimate : struct, IEstimate
    {
        T clip = T.Broadcast(c.Clip), row = T.Broadcast(rowTerm), floor = T.Broadcast(c.Floor);
        T rate = T.Broadcast(c.Rate), minusDecay = T.Broadcast(-c.Decay);
        T beta1 = T.Broadcast(c.Beta1), oneMinusBeta1 = T.Broadcast(c.OneMinusBeta1);
        for (; i + T.Count <= count; i += T.Count)
        {
            T delta = TEstimate.Update(T.Load(gradient + i) * clip, T.Load(second + i), row, floor) * rate;
            if (moment != null)
            {
                delta = T.MultiplyAdd(oneMinusBeta1, delta, T.Load(moment + i) * beta1);
                T.Store(delta, moment + i);
            }
            T p = T.Load(value + i);
            T.Store(T.MultiplyAdd(p, minusDecay, p) - delta, value + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T Square<T>(T gradient, T clip, T added) where T : struct, IVectorF32<T>
    {
        T g = gradient * clip;
        return T.MultiplyAdd(g, g, added);
    }

    /// <summary>How an update follows from a gradient, the row's term and the column's (or the element's) term.</summary>
    interface IEstimate
    {
        static abstract T Update<T>(T gradient, T second, T row, T floor) where T : struct, IVectorF32<T>;
    }

    readonly struct Separable : IEstimate
    {
        // The row comes first: of a row without gradients the factor is huge, and only its product with the gradient is sure to be finite.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Update<T>(T gradient, T second, T row, T floor) where T : struct, IVectorF32<T> => gradient * row * second;
    }

    readonly struct Elementwise : IEstimate
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Update<T>(T gradient, T second, T row, T floor) where T : struct, IVectorF32<T> =>
            gradient / T.Sqrt(T.Max(row * second, floor));
    }
}
