using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Split by elements at whole cache lines. Forward reads one float and writes one, backward reads two and writes one; bound by bandwidth.
/// No sums.
/// </summary>
public sealed unsafe class ReluCpu<TVector>(ComputePool pool) : Relu where TVector : struct, IVectorF32<TVector>
{
    // Below this many elements a part costs less than waking a thread for it.
    const long LeastElements = 16384;

    // Elements of one cache line, a multiple of every vector width.
    const long Grain = 16;

    protected override void ForwardCore(Tensor x, Tensor y)
    {
        var context = new Context
        {
            Source = x.HostPointer<float>(),
            Destination = y.HostPointer<float>(),
            Count = x.Count,
            Parts = Split.Parts(x.Count, LeastElements, pool.ThreadCount),
        };
        pool.Run(context.Parts, &Forward, &context);
    }

    protected override void BackwardCore(Tensor dy, Tensor y, Tensor dx)
    {
        var context = new Context
        {
            Source = dy.HostPointer<float>(),
            Output = y.HostPointer<float>(),
            Destination = dx.HostPointer<float>(),
            Count = y.Count,
            Parts = Split.Parts(y.Count, LeastElements, pool.ThreadCount),
        };
        pool.Run(context.Parts, &Backward, &context);
    }

    static void Forward(void* context, int part, int thread)
    {
        ref var c = ref *(Context*)context;
        var (i, end) = Split.Range(c.Count, Grain, part, c.Parts);
        for (; i + TVector.Count <= end; i += TVector.Count)
            TVector.Store(TVector.Max(TVector.Load(c.Source + i), TVector.Zero), c.Destination + i);
        for (; i < end; i++) c.Destination[i] = MathF.Max(c.Source[i], 0);
    }

    static void Backward(void* context, int part, int thread)
    {
        ref var c = ref *(Context*)context;
        var (i, end) = Split.Range(c.Count, Grain, part, c.Parts);
        for (; i + TVector.Count <= end; i += TVector.Count)
        {
            TVector kept = TVector.SelectGreater(TVector.Load(c.Output + i), TVector.Zero, TVector.Load(c.Source + i), TVector.Zero);
            TVector.Store(kept, c.Destination + i);
        }
        for (; i < end; i++) c.Destination[i] = c.Output[i] > 0 ? c.Source[i] : 0;
    }

    struct Context
    {
        public float* Source, Output, Destination;
        public long Count;
        public int Parts;
    }
}
