using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Calls with one query a sequence, as in decoding: keys and values are used where they lie, and each of their rows is read as a whole, for
/// all heads, so that memory is read front to back; a head's part alone would be a quarter of a page every few pages.
/// Keys and values may be bfloat16, which is widened as it is read; sums are float32 in both.
/// Split by sequence, and by heads where there are fewer sequences than threads. Bound by the bandwidth of k and v.
/// </summary>
public sealed unsafe partial class AttentionCpu<TVector>
{
    // Keys and values of a part, 80 KiB: they come from memory, since a token's weights have passed through the caches since the last one.
    const long LeastPartElements = 20 * 1024;

    const int CacheLine = 64;

    // Rows by which reading parts of them is started early: about what arrives in the time of one access to memory.
    const int RowsAhead = 4;

    // Heads whose dot products run side by side: their sums do not wait for each other.
    const int MaxHeads = 4;

    void ForwardQueries<TRows>(ref Call call, void** scratch) where TRows : struct, IRows
    {
        if (call.SpanCount == 0) return;
        long elements = 0;
        for (int s = 0; s < call.SpanCount; s++) elements += 2L * call.Spans[s].KeyCount * call.Width;
        call.Parts = (int)Math.Min(Split.Parts(elements, LeastPartElements, pool.ThreadCount), (long)call.SpanCount * call.Heads);
        call.HeadParts = Math.Min(call.Heads, (call.Parts + call.SpanCount - 1) / call.SpanCount);
        ProvideScratch(ref call, scratch, new QueryScratch(null, call.Heads, call.MaxKeys).Bytes);
        fixed (Call* job = &call) pool.Run(call.Parts, &QueryPart<TRows>, job);
    }

    static void QueryPart<TRows>(void* context, int part, int thread) where TRows : struct, IRows
    {
        ref readonly Call call = ref *(Call*)context;
        for (long task = part; task < (long)call.SpanCount * call.HeadParts; task += call.Parts)
        {
            var (first, end) = Split.Range(call.Heads, (int)(task % call.HeadParts), call.HeadParts);
            ForwardQuery<TRows>(call, call.Spans[task / call.HeadParts], (int)first, (int)end, (float*)call.Scratch[thread]);
        }
    }

    static void ForwardQuery<TRows>(in Call call, in AttentionSpan span, int firstHead, int endHead, float* memory) where TRows : struct, IRows
    {
        int width = call.HeadWidth, heads = endHead - firstHead, visible = call.VisibleKeys(span, 0);
        long column = firstHead * width, row = span.QueryStart, first = (span.KeyStart * (long)call.Width + column) * TRows.Bytes;
        var scratch = new QueryScratch(memory, heads, span.KeyCount);
        float* y = call.Y + row * call.Width + column;
        byte* values = (byte*)call.V + first;
        Scores<TRows>(call, call.Q + row * call.Width + column, (byte*)call.K + first, values, heads, visible, scratch);
        for (int head = firstHead; head < endHead; head++)
        {
            if (call.Table != null) SpreadBias(call, head, -span.QueryPosition, 1, (int)PadTo(visible, TVector.Count), scratch.Bias);
            scratch.Inverses[head - firstHead] = Softmax(call, span, head, scratch.Scores(head - firstHead), visible, scratch.Bias,
                out call.LogSumExp[row * call.Heads + head]);
        }
        new Span<float>(y, heads * width).Clear();
        for (int j = 0; j < visible; j++, values += call.Width * (long)TRows.Bytes)
            for (int head = 0; head < heads; head++)
                AddValue<TRows>(scratch.Scores(head)[j], values + head * width * TRows.Bytes, width, y + head * width);
        for (int head = 0; head < heads; head++) Scale(y + head * width, width, scratch.Inverses[head]);
    }

    /// <summary>Products of a query and the keys it sees.</summary>
    /// <param name="values">Asked for with the keys where those are: else memory would rest until the softmax is done.</param>
    static void Scores<TRows>(in Call call, float* query, byte* keys, byte* values, int heads, int visible, in QueryScratch scratch) where TRows : struct, IRows
    {
        int bytes = heads * call.HeadWidth * TRows.Bytes;
        long stride = call.Width * (long)TRows.Bytes;
        // Whole rows are a stream that the processor reads ahead itself, further than it can be asked to; parts of rows are none. Zen 5 begins
        // such streams late (measured: 32 sequences with 64 keys take a tenth less time where they are asked for).
        bool asks = heads < call.Heads || Processor.IsZen5OrLater;
        if (asks) Fetch(keys, stride, bytes, Math.Min(RowsAhead, visible));
        for (int j = 0; j < visible; j++, keys += stride, values += stride)
        {
            if (asks) Fetch(values, stride, bytes, 1);
            if (asks && j + RowsAhead < visible) Fetch(keys + RowsAhead * stride, stride, bytes, 1);
            for (int head = 0; head < heads; head += MaxHeads)
                Dots<TRows>(query + head * call.HeadWidth, keys + head * call.HeadWidth * TRows.Bytes, Math.Min(heads - head, MaxHeads), call.HeadWidth,
                    scratch.Scores(head) + j, scratch.Stride);
        }
    }

    /// <summary>
    /// Turns scores into exp(score + bias − greatest) · dropout factor, and the rest of their last vector into zeros. Returns 1 / Σ exp: the
    /// weighted values are divided instead of the weights, which are more.
    /// </summary>
    static float Softmax(in Call call, in AttentionSpan span, int head, float* scores, int visible, float* bias, out float logSumExp)
    {
        int padded = (int)PadTo(visible, TVector.Count), n = TVector.Count;
        new Span<float>(scores + visible, padded - visible).Fill(float.NegativeInfinity);
        TVector greatest = TVector.Broadcast(float.NegativeInfinity), sum = TVector.Zero;
        for (int j = 0; j < padded; j += n)
        {
            TVector score = TVector.Load(scores + j);
            if (call.Table != null) TVector.Store(score += TVector.Load(bias + j), scores + j);
            // A NaN may be passed over: its exponential is NaN all the same.
            greatest = TVector.MaxNative(score, greatest);
        }
        float max = TVector.MaxAcross(greatest);
        TVector shift = TVector.Broadcast(max);
        for (int j = 0; j < padded; j += n)
        {
            TVector e = TVector.Exp(TVector.Load(scores + j) - shift);
            sum += e;
            TVector.Store(e, scores + j);
        }
        float total = TVector.Sum(sum);
        if (call.Dropout.IsActive)
        {
            uint key = call.DropoutKey(span, 0), counter = (uint)head << HeadShift, threshold = call.Dropout.Threshold;
            float keepScale = call.Dropout.KeepScale;
            for (int j = 0; j < padded; j += n)
                TVector.Store(TVector.Load(scores + j) * TVector.DropoutFactor(key, counter + (uint)j, threshold, keepScale), scores + j);
        }
        logSumExp = max + MathF.Log(total);
        return 1 / total;
    }

    /// <summary>Starts reading a part of so many rows, none if there are fewer than one; the processor's own prefetch knows no rows.</summary>
    static void Fetch(byte* first, long stride, int bytes, int rows)
    {
        if (!Sse.IsSupported) return;
        for (; rows > 0; rows--, first += stride)
            for (int i = 0; i < bytes; i += CacheLine) Sse.Prefetch1(first + i);
    }

    /// <summary>Scores of one key in up to <see cref="MaxHeads"/> heads; absent ones repeat the last. Sums run over vectors, then the tail.</summary>
    /// <param name="stride">Elements from a head's scores to the next one's.</param>
    static void Dots<TRows>(float* q, byte* key, int heads, int width, float* scores, long stride) where TRows : struct, IRows
    {
        TVector s0 = TVector.Zero, s1 = TVector.Zero, s2 = TVector.Zero, s3 = TVector.Zero;
        int last = (heads - 1) * width, head1 = Math.Min(width, last), head2 = Math.Min(2 * width, last), head3 = Math.Min(3 * width, last), d = 0;
        for (; d + TVector.Count <= width; d += TVector.Count)
        {
            s0 = TVector.MultiplyAdd(TVector.Load(q + d), TRows.Load(key, d), s0);
            s1 = TVector.MultiplyAdd(TVector.Load(q + head1 + d), TRows.Load(key, head1 + d), s1);
            s2 = TVector.MultiplyAdd(TVector.Load(q + head2 + d), TRows.Load(key, head2 + d), s2);
            s3 = TVector.MultiplyAdd(TVector.Load(q + head3 + d), TRows.Load(key, head3 + d), s3);
        }
        float* sums = stackalloc float[MaxHeads] { TVector.Sum(s0), TVector.Sum(s1), TVector.Sum(s2), TVector.Sum(s3) };
        for (int i = 0; i < heads; i++)
        {
            for (int tail = d; tail < width; tail++) sums[i] = F32x1.MultiplyAdd(q[i * width + tail], TRows.One(key, i * width + tail), sums[i]);
            scores[i * stride] = sums[i];
        }
    }

    /// <summary>y += weight · value.</summary>
    static void AddValue<TRows>(float weight, byte* value, int width, float* y) where TRows : struct, IRows
    {
        TVector factor = TVector.Broadcast(weight);
        int d = 0;
        for (; d + TVector.Count <= width; d += TVector.Count)
            TVector.Store(TVector.MultiplyAdd(factor, TRows.Load(value, d), TVector.Load(y + d)), y + d);
        for (; d < width; d++) y[d] = F32x1.MultiplyAdd(weight, TRows.One(value, d), y[d]);
    }

    /// <summary>How rows of keys and values are stored.</summary>
    interface IRows
    {
        /// <summary>Of an element.</summary>
        static abstract int Bytes { get; }

        static abstract TVector Load(byte* row, int element);

        static abstract float One(byte* row, int element);
    }

    readonly struct FloatRows : IRows
    {
        public static int Bytes => sizeof(float);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Load(byte* row, int element) => TVector.Load((float*)row + element);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float One(byte* row, int element) => ((float*)row)[element];
    }

    readonly struct Bf16Rows : IRows
    {
        public static int Bytes => sizeof(ushort);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Load(byte* row, int element) => TVector.LoadBF16((ushort*)row + element);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float One(byte* row, int element) => WeightPacker.FromBF16(((ushort*)row)[element]);
    }

    /// <summary>Scratch of one query, for some of its heads.</summary>
    readonly struct QueryScratch
    {
        public readonly float* Bias, Inverses;
        public readonly long Bytes;
        public readonly long Stride;
        readonly float* _scores;

        public QueryScratch(float* memory, int heads, int keys)
        {
            float* next = memory;
            Stride = PadTo(keys, 16);
            _scores = Take(ref next, heads * Stride);
            Bias = Take(ref next, keys);
            Inverses = Take(ref next, heads);
            Bytes = (byte*)next - (byte*)memory;
        }

        public float* Scores(int head) => _scores + head * Stride;
    }
}
