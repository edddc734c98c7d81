using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>Split by rows; copies 4 bytes an element, or rounds them to 2; bound by bandwidth.</summary>
/// <typeparam name="TVector">Selects the width as for every op; a copy is the same at all of them.</typeparam>
public sealed unsafe class RowScatterCpu<TVector>(ComputePool pool) : RowScatter where TVector : struct, IVectorF32<TVector>
{
    // A thread's start costs about as much as this many copied elements.
    const int LeastElements = 1 << 15;

    public override bool Supports(DType type) => type is DType.F32 or DType.BF16;

    protected override void ForwardCore(Tensor x, Tensor target, Tensor y)
    {
        Call call = Prepare(x, target, y);
        pool.Run(call.Parts, y.DType == DType.BF16 ? &ScatterRounded : &Scatter, &call);
    }

    protected override void RoundCore(Tensor x, Tensor y)
    {
        Call call = Prepare(x, default, y);
        pool.Run(call.Parts, &ScatterRounded, &call);
    }

    protected override void BackwardCore(Tensor dy, Tensor target, Tensor dx)
    {
        Call call = Prepare(dx, target, dy);
        pool.Run(call.Parts, &Gather, &call);
    }

    Call Prepare(Tensor rows, Tensor target, Tensor all) => new()
    {
        Rows = rows.HostPointer<float>(),
        Target = target.IsAbsent ? null : target.HostPointer<int>(),
        All = all.DType == DType.BF16 ? (void*)all.HostPointer<ushort>() : all.HostPointer<float>(),
        RowCount = rows.Shape.D0,
        Width = rows.Shape.D1,
        Parts = Split.Parts(rows.Count, LeastElements, pool.ThreadCount),
    };

    static void Scatter(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.RowCount, part, call.Parts);
        long bytes = (long)call.Width * sizeof(float);
        for (long row = start; row < end; row++)
            Buffer.MemoryCopy(call.Rows + row * call.Width, (float*)call.All + (long)call.Target[row] * call.Width, bytes, bytes);
    }

    /// <summary>To the named rows, or without names to all in order.</summary>
    static void ScatterRounded(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.RowCount, part, call.Parts);
        for (long row = start; row < end; row++)
            Bf16.RoundTo(call.Rows + row * call.Width, call.Width, (ushort*)call.All + (call.Target == null ? row : call.Target[row]) * call.Width);
    }

    static void Gather(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.RowCount, part, call.Parts);
        long bytes = (long)call.Width * sizeof(float);
        for (long row = start; row < end; row++)
            Buffer.MemoryCopy((float*)call.All + (long)call.Target[row] * call.Width, call.Rows + row * call.Width, bytes, bytes);
    }

    struct Call
    {
        public float* Rows;
        public void* All;
        public int* Target;
        public int RowCount, Width, Parts;
    }
}
