using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Split by elements at whole cache lines; reads four floats and writes three an element; bound by bandwidth. No sums. The numbers of a
/// step are computed in double and rounded once, as the references' scalars are.
/// </summary>
public sealed unsafe class AdamWCpu<TVector>(ComputePool pool) : AdamW where TVector : struct, IVectorF32<TVector>
{
    // Below this many elements a part costs less than waking a thread for it.
    const long LeastElements = 8192;

    // Elements of one cache line, a multiple of every vector width.
    const long Grain = 16;

    protected override void UpdateCore(Tensor gradients, Tensor gradientNorm, in AdamWStep step, Tensor values, Tensor m, Tensor v)
    {
        double correction1 = 1 - Math.Pow(step.Beta1, step.Step);
        double correction2 = 1 - Math.Pow(step.Beta2, step.Step);
        bool torch = step.Form == AdamWForm.Torch;
        float decay = (float)(step.LearningRate * step.WeightDecay);
        var context = new Context
        {
            Gradients = gradients.HostPointer<float>(),
            Values = values.HostPointer<float>(),
            M = m.HostPointer<float>(),
            V = v.HostPointer<float>(),
            Clip = GradientNorm.ClipFactor(*gradientNorm.HostPointer<float>(), step.Clip),
            Beta1 = (float)step.Beta1,
            OneMinusBeta1 = (float)(1 - step.Beta1),
            Beta2 = (float)step.Beta2,
            OneMinusBeta2 = (float)(1 - step.Beta2),
            RootScale = torch ? (float)(1 / Math.Sqrt(correction2)) : 1,
            Epsilon = (float)step.Epsilon,
            Rate = (float)(torch ? step.LearningRate / correction1 : step.LearningRate * Math.Sqrt(correction2) / correction1),
            DecayBefore = torch ? decay : 0,
            DecayAfter = torch ? 0 : decay,
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
        T clip = T.Broadcast(c.Clip), rootScale = T.Broadcast(c.RootScale), epsilon = T.Broadcast(c.Epsilon);
        T beta1 = T.Broadcast(c.Beta1), oneMinusBeta1 = T.Broadcast(c.OneMinusBeta1);
        T beta2 = T.Broadcast(c.Beta2), oneMinusBeta2 = T.Broadcast(c.OneMinusBeta2);
        T rate = T.Broadcast(c.Rate), before = T.Broadcast(c.DecayBefore), after = T.Broadcast(c.DecayAfter);
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
        public float Clip, Beta1, OneMinusBeta1, Beta2, OneMinusBeta2, RootScale, Epsilon, Rate, DecayBefore, DecayAfter;
        public long Count;
        public int Parts;
    }
}
