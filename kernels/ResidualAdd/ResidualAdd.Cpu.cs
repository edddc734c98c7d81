using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Split by rows. Forward reads 8 bytes an element and writes 4; bound by bandwidth beyond the caches and by the five integer
/// multiplications of a draw within them. Each element is one fused multiply-add. Backward is <see cref="DropoutCpu{TVector}"/>'s.
/// </summary>
public sealed unsafe class ResidualAddCpu<TVector>(ComputePool pool) : ResidualAdd where TVector : struct, IVectorF32<TVector>
{
    // A thread's start costs about as much as this many elements.
    const int LeastElements = 1 << 14;

    readonly DropoutCpu<TVector> _dropout = new(pool);

    protected override void ForwardCore(Tensor x, Tensor branch, Tensor rowKeys, DropoutSite site, Tensor y)
    {
        var call = new Call
        {
            X = x.HostPointer<float>(),
            Branch = branch.HostPointer<float>(),
            RowKeys = rowKeys.HostPointer<uint>(),
            Y = y.HostPointer<float>(),
            Rows = x.Shape.D0,
            Width = x.Shape.D1,
            Parts = Split.Parts(x.Count, LeastElements, pool.ThreadCount),
            Site = site,
        };
        pool.Run(call.Parts, site.IsActive ? &AddMaskedRows : &AddRows, &call);
    }

    protected override void BackwardCore(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dBranch) =>
        _dropout.Apply(dy, rowKeys, site, dBranch);

    static void AddMaskedRows(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.Rows, part, call.Parts);
        uint threshold = call.Site.Threshold;
        float keepScale = call.Site.KeepScale;
        for (long row = start; row < end; row++)
        {
            float* x = call.X + row * call.Width;
            float* branch = call.Branch + row * call.Width;
            float* y = call.Y + row * call.Width;
            uint key = call.Site.Key ^ call.RowKeys[row];
            int i = 0;
            for (; i + TVector.Count <= call.Width; i += TVector.Count)
            {
                TVector factor = TVector.DropoutFactor(key, (uint)i, threshold, keepScale);
                TVector.Store(TVector.MultiplyAdd(TVector.Load(branch + i), factor, TVector.Load(x + i)), y + i);
            }
            for (; i < call.Width; i++)
            {
                F32x1 factor = F32x1.DropoutFactor(key, (uint)i, threshold, keepScale);
                F32x1.Store(F32x1.MultiplyAdd(F32x1.Load(branch + i), factor, F32x1.Load(x + i)), y + i);
            }
        }
    }

    static void AddRows(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.Rows, part, call.Parts);
        long i = start * call.Width, last = end * call.Width;
        for (; i + TVector.Count <= last; i += TVector.Count)
            TVector.Store(TVector.Load(call.X + i) + TVector.Load(call.Branch + i), call.Y + i);
        for (; i < last; i++) call.Y[i] = call.X[i] + call.Branch[i];
    }

    struct Call
    {
        public float* X, Branch, Y;
        public uint* RowKeys;
        public int Rows, Width, Parts;
        public DropoutSite Site;
    }
}
