using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Split by elements at whole cache lines. Forward reads two floats and writes one, backward reads three and writes three; about 20
/// operations and one exponential an element: bound by computation in cache, by bandwidth outside. No sums.
/// </summary>
/// <remarks>gelu(x) = x σ(z) with z = 2√(2/π)(x + 0.044715x³), and e^(−|z|) is at most 1: nothing overflows and nothing cancels.</remarks>
public sealed unsafe class GatedGeluCpu<TVector>(ComputePool pool) : GatedGelu where TVector : struct, IVectorF32<TVector>
{
    // Below this many elements a part costs less than waking a thread for it.
    const long LeastElements = 4096;

    // Elements of one cache line, a multiple of every vector width.
    const long Grain = 16;

    // z = x (Linear + Cubic x²).
    const float Linear = 1.5957691216057308f;
    const float Cubic = 0.07135481627260025f;

    // Where the exponential has long been 0, x² is held finite, so that 0 · z′ stays 0.
    const float LargestSquare = 1e30f;

    protected override void ForwardCore(Tensor gate, Tensor up, Tensor y)
    {
        var context = new Context
        {
            Gate = gate.HostPointer<float>(),
            Up = up.HostPointer<float>(),
            Y = y.HostPointer<float>(),
            Count = gate.Count,
            Parts = Split.Parts(gate.Count, LeastElements, pool.ThreadCount),
        };
        pool.Run(context.Parts, &Forward, &context);
    }

    /// <summary>y = gelu(gate) · up for values that are in the caches; y may be gate or up.</summary>
    internal static void Multiply(float* gate, float* up, float* y, long count)
    {
        var context = new Context { Gate = gate, Up = up, Y = y };
        ForwardSpan<F32x1>(context, ForwardSpan<TVector>(context, 0, count), count);
    }

    protected override void BackwardCore(Tensor dy, Tensor gate, Tensor up, Tensor dGate, Tensor dUp, Tensor y)
    {
        var context = new Context
        {
            Dy = dy.HostPointer<float>(),
            Gate = gate.HostPointer<float>(),
            Up = up.HostPointer<float>(),
            DGate = dGate.HostPointer<float>(),
            DUp = dUp.HostPointer<float>(),
            Y = y.HostPointer<float>(),
            Count = gate.Count,
            Parts = Split.Parts(gate.Count, LeastElements, pool.ThreadCount),
        };
        pool.Run(context.Parts, &Backward, &context);
    }

    static void Forward(void* context, int part, int thread)
    {
        ref var c = ref *(Context*)context;
        var (start, end) = Split.Range(c.Count, Grain, part, c.Parts);
        ForwardSpan<F32x1>(c, ForwardSpan<TVector>(c, start, end), end);
    }

    static void Backward(void* context, int part, int thread)
    {
        ref var c = ref *(Context*)context;
        var (start, end) = Split.Range(c.Count, Grain, part, c.Parts);
        BackwardSpan<F32x1>(c, BackwardSpan<TVector>(c, start, end), end);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static long ForwardSpan<T>(in Context c, long i, long end) where T : struct, IVectorF32<T>
    {
        // In registers for the whole loop: a store might change the context for all the compiler knows.
        float* gate = c.Gate, up = c.Up, y = c.Y;
        for (; i + T.Count <= end; i += T.Count)
        {
            T x = T.Load(gate + i);
            var (sigma, _, _) = Sigmoid(x, SquareOf(x));
            T.Store(x * sigma * T.Load(up + i), y + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static long BackwardSpan<T>(in Context c, long i, long end) where T : struct, IVectorF32<T>
    {
        float* dys = c.Dy, gates = c.Gate, ups = c.Up, dGates = c.DGate, dUps = c.DUp, ys = c.Y;
        for (; i + T.Count <= end; i += T.Count)
        {
            T x = T.Load(gates + i), square = SquareOf(x);
            var (sigma, small, greater) = Sigmoid(x, square);
            // σ(z) σ(−z) = e^(−|z|) / (1 + e^(−|z|))², multiplied by x before z′: their product alone may overflow.
            T chain = small * greater * greater * x;
            T slope = T.MultiplyAdd(T.Broadcast(3 * Cubic), square, T.Broadcast(Linear));
            T derivative = T.MultiplyAdd(chain, slope, sigma);
            T dy = T.Load(dys + i), up = T.Load(ups + i), value = x * sigma;
            T.Store(dy * value, dUps + i);
            T.Store(dy * up * derivative, dGates + i);
            T.Store(value * up, ys + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T SquareOf<T>(T x) where T : struct, IVectorF32<T> => T.MinNative(T.Broadcast(LargestSquare), x * x);

    /// <summary>σ(z), e^(−|z|) and 1/(1 + e^(−|z|)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static (T Sigma, T Small, T Greater) Sigmoid<T>(T x, T square) where T : struct, IVectorF32<T>
    {
        T z = x * T.MultiplyAdd(T.Broadcast(Cubic), square, T.Broadcast(Linear));
        T small = T.Exp(T.MinusMagnitude(z));
        T greater = T.Broadcast(1) / (T.Broadcast(1) + small);
        return (T.SelectGreater(z, T.Zero, greater, small * greater), small, greater);
    }

    struct Context
    {
        public float* Dy, Gate, Up, Y, DGate, DUp;
        public long Count;
        public int Parts;
    }
}
