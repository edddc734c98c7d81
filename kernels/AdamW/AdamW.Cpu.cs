using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Split by elements at whole cache lines; reads four floats and writes three an element; bound by bandwidth. No sums.
/// </summary>
public sealed unsafe class AdamWCpu<TVector>(ComputePool pool) : AdamW where TVector : struct, IVectorF32<TVector>
{
    // Below this many elements a part costs less than waking a thread for it.
    const long LeastElements = 8192;

    // Elements of one cache line, a multiple of every vector width.
    const long Grain = 16;

    protected override void UpdateCore(Tensor gradients, Tensor gradientNorm, in AdamWStep step, Tensor values, Tensor m, Tensor v)
    {
        var context = new Context
        {
            Gradients = gradients.HostPointer<float>(),
            Values = values.HostPointer<float>(),
            M = m.HostPointer<float>(),
            V = v.HostPointer<float>(),
            Clip = GradientNorm.ClipFactor(*gradientNorm.HostPointer<float>(), step.Clip),
            Numbers = AdamWNumbers.Of(step),
            Count = values.Count,
            Parts = Split.Parts(values.Count, LeastElements, pool.ThreadCount),
        };
        pool.Run(context.Parts, &Update, &context);
    }

    static void Update(void* context, int part, int thread)
    {
        ref var c = ref *(Context*)context;
        var (start, end) = Split.Range(c.Count, Grain, part, c.Parts);
        UpdateSpan<F32x1>(in c, UpdateSpan<TVector>(in c, start, end), end);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static long UpdateSpan<T>(in Context c, long i, long end) where T : struct, IVectorF32<T>
    {
        // In registers for the whole loop; at most one of the decays is not 0.
        T clip = T.Broadcast(c.Clip), rootScale = T.Broadcast(c.Numbers.RootScale), epsilon = T.Broadcast(c.Numbers.Epsilon);
        T beta1 = T.Broadcast(c.Numbers.Beta1), oneMinusBeta1 = T.Broadcast(c.Numbers.OneMinusBeta1);
        T beta2 = T.Broadcast(c.Numbers.Beta2), oneMinusBeta2 = T.Broadcast(c.Numbers.OneMinusBeta2);
        T rate = T.Broadcast(c.Numbers.Rate), before = T.Broadcast(c.Numbers.DecayBefore), after = T.Broadcast(c.Numbers.DecayAfter);
        float* gradients = c.Gradients, values = c.Values, ms = c.M, vs = c.V;
        for (; i + T.Count <= end; i += T.Count)
        {
            T g = T.Load(gradients + i) * clip;
            T m = T.MultiplyAdd(oneMinusBeta1, g, T.Load(ms + i) * beta1);
            T v = T.MultiplyAdd(oneMinusBeta2 * g, g, T.Load(vs + i) * beta2);
            T.Store(m, ms + i);
            T.Store(v, vs + i);
            T p = T.Load(values + i);
            T u = rate * (m / T.MultiplyAdd(T.Sqrt(v), rootScale, epsilon));
            // All that p loses is summed first, so that p is rounded once a step: over many steps that is what float32 costs.
            T loss = T.MultiplyAdd(before, p, T.MultiplyAdd(after, p - u, u));
            T.Store(p - loss, values + i);
        }
        return i;
    }

    struct Context
    {
        public float* Gradients, Values, M, V;
        public float Clip;
        public AdamWNumbers Numbers;
        public long Count;
        public int Parts;
    }
}
