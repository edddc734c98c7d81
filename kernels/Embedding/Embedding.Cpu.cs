using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Forward is split by rows and copies; Backward by columns at whole cache lines, so that each element of dTable sums its rows in
/// order on one thread, in float32. Per element Forward reads and writes 4 bytes, Backward reads 8 and writes 4; bound by bandwidth.
/// </summary>
public sealed unsafe class EmbeddingCpu<TVector>(ComputePool pool) : Embedding where TVector : struct, IVectorF32<TVector>
{
    // A thread's start costs about as much as this many elements.
    const int LeastElements = 1 << 15;

    // 64 bytes: a multiple of every vector width, and no two threads write one cache line of an aligned table.
    const int ColumnGrain = 16;

    public override bool Supports(DType type) => type is DType.F32 or DType.BF16;

    protected override void ForwardCore(Tensor ids, Tensor table, Tensor y)
    {
        Call call = Prepare(ids, table, y, Split.Parts(y.Count, LeastElements, pool.ThreadCount));
        pool.Run(call.Parts, table.DType == DType.BF16 ? &WidenRows : &CopyRows, &call);
    }

    protected override void BackwardCore(Tensor dy, Tensor ids, Tensor order, Tensor dTable)
    {
        Call call = Prepare(ids, dTable, dy, Split.Parts(dy.Count, LeastElements, pool.ThreadCount));
        pool.Run(call.Parts, &AddColumns, &call);
    }

    static Call Prepare(Tensor ids, Tensor table, Tensor rows, int parts) => new()
    {
        Ids = ids.HostPointer<int>(),
        Table = table.DType == DType.BF16 ? (float*)table.HostPointer<ushort>() : table.HostPointer<float>(),
        Rows = rows.HostPointer<float>(),
        RowCount = ids.Shape.D0,
        Width = table.Shape.D1,
        Parts = parts,
    };

    static void CopyRows(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.RowCount, part, call.Parts);
        long bytes = (long)call.Width * sizeof(float);
        for (long row = start; row < end; row++)
            Buffer.MemoryCopy(call.Table + (long)call.Ids[row] * call.Width, call.Rows + row * call.Width, bytes, bytes);
    }

    static void WidenRows(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.RowCount, part, call.Parts);
        for (long row = start; row < end; row++)
        {
            ushort* from = (ushort*)call.Table + (long)call.Ids[row] * call.Width;
            float* to = call.Rows + row * call.Width;
            int i = 0;
            for (; i + TVector.Count <= call.Width; i += TVector.Count) TVector.Store(TVector.LoadBF16(from + i), to + i);
            for (; i < call.Width; i++) F32x1.Store(F32x1.LoadBF16(from + i), to + i);
        }
    }

    static void AddColumns(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.Width, ColumnGrain, part, call.Parts);
        for (long row = 0; row < call.RowCount; row++)
        {
            float* dy = call.Rows + row * call.Width;
            float* dTable = call.Table + (long)call.Ids[row] * call.Width;
            long i = start;
            for (; i + TVector.Count <= end; i += TVector.Count)
                TVector.Store(TVector.Load(dTable + i) + TVector.Load(dy + i), dTable + i);
            for (; i < end; i++) dTable[i] += dy[i];
        }
    }

    struct Call
    {
        public int* Ids;
        public float* Table, Rows;
        public int RowCount, Width, Parts;
    }
}
