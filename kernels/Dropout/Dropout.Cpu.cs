using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Split by rows. Reads and writes 4 bytes an element each; bound by bandwidth beyond the caches and by the five integer
/// multiplications of a draw within them. Nothing accumulates.
/// </summary>
public sealed unsafe class DropoutCpu<TVector>(ComputePool pool) : Dropout where TVector : struct, IVectorF32<TVector>
{
    // A thread's start costs about as much as this many draws.
    const int LeastElements = 1 << 14;

    protected override void ForwardCore(Tensor x, Tensor rowKeys, DropoutSite site, Tensor y) => Apply(x, rowKeys, site, y);

    protected override void BackwardCore(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dx) => Apply(dy, rowKeys, site, dx);

    /// <summary>y = x · mask, without checks or a trace of its own: also the backward of <see cref="ResidualAdd"/>.</summary>
    internal void Apply(Tensor x, Tensor rowKeys, DropoutSite site, Tensor y)
    {
        var call = new Call
        {
            X = x.HostPointer<float>(),
            RowKeys = rowKeys.HostPointer<uint>(),
            Y = y.HostPointer<float>(),
            Rows = x.Shape.D0,
            Width = x.Shape.D1,
            Parts = Split.Parts(x.Count, LeastElements, pool.ThreadCount),
            Site = site,
        };
        if (!site.IsActive && call.X == call.Y) return;
        pool.Run(call.Parts, site.IsActive ? &MaskRows : &CopyRows, &call);
    }

    static void MaskRows(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.Rows, part, call.Parts);
        uint threshold = call.Site.Threshold;
        float keepScale = call.Site.KeepScale;
        for (long row = start; row < end; row++)
        {
            float* x = call.X + row * call.Width;
            float* y = call.Y + row * call.Width;
            uint key = call.Site.Key ^ call.RowKeys[row];
            int i = 0;
            for (; i + TVector.Count <= call.Width; i += TVector.Count)
                TVector.Store(TVector.Load(x + i) * TVector.DropoutFactor(key, (uint)i, threshold, keepScale), y + i);
            for (; i < call.Width; i++)
                F32x1.Store(F32x1.Load(x + i) * F32x1.DropoutFactor(key, (uint)i, threshold, keepScale), y + i);
        }
    }

    static void CopyRows(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.Rows, part, call.Parts);
        long bytes = (end - start) * call.Width * sizeof(float);
        Buffer.MemoryCopy(call.X + start * call.Width, call.Y + start * call.Width, bytes, bytes);
    }

    struct Call
    {
        public float* X, Y;
        public uint* RowKeys;
        public int Rows, Width, Parts;
        public DropoutSite Site;
    }
}
