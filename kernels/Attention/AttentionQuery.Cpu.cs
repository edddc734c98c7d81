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

    // Keys, or values, that are taken side by side: their sums do not wait for each other.
    const int BlockRows = 4;

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
        int width = call.HeadWidth, visible = call.VisibleKeys(span, 0);
        long stride = call.Width * (long)TRows.Bytes;
        long row = span.QueryStart, keys = span.KeyStart * (long)call.Width;
        var scratch = new QueryScratch(memory, endHead - firstHead, span.KeyCount);
        float* q = call.Q + row * call.Width;
        // Values are asked for with the keys: else memory would rest until the softmax is done.
        byte* nextKeys = (byte*)call.K + (keys + firstHead * width) * TRows.Bytes, nextValues = (byte*)call.V + (keys + firstHead * width) * TRows.Bytes;
        int rowBytes = (endHead - firstHead) * width * TRows.Bytes;
        Fetch(nextKeys, stride, rowBytes, Math.Min(BlockRows, visible));
        for (int j = 0; j < visible; j += BlockRows)
        {
            Fetch(nextKeys + (j + BlockRows) * stride, stride, rowBytes, Math.Min(BlockRows, visible - j - BlockRows));
            Fetch(nextValues + j * stride, stride, rowBytes, Math.Min(BlockRows, visible - j));
            for (int head = firstHead; head < endHead; head++)
            {
                byte* key = (byte*)call.K + (keys + j * (long)call.Width + head * width) * TRows.Bytes;
                float* scores = scratch.Scores(head - firstHead) + j;
                if (j + BlockRows <= visible) Dots4<TRows>(q + head * width, key, stride, width, scores);
                else
                    for (int i = 0; j + i < visible; i++) scores[i] = Dot<TRows>(q + head * width, key + i * stride, width);
            }
        }
        float* inverses = scratch.Inverses;
        for (int head = firstHead; head < endHead; head++)
        {
            if (call.Table != null) SpreadBias(call, head, -span.QueryPosition, 1, (int)PadTo(visible, TVector.Count), scratch.Bias);
            inverses[head - firstHead] = Softmax(call, span, head, scratch.Scores(head - firstHead), visible, scratch.Bias,
                out call.LogSumExp[row * call.Heads + head]);
        }
        float* y = call.Y + row * call.Width;
        new Span<float>(y + firstHead * width, (endHead - firstHead) * width).Clear();
        for (int j = 0; j < visible; j += BlockRows)
            for (int head = firstHead; head < endHead; head++)
            {
                byte* values = (byte*)call.V + (keys + j * (long)call.Width + head * width) * TRows.Bytes;
                if (j + BlockRows <= visible) AddValues4<TRows>(scratch.Scores(head - firstHead) + j, values, stride, width, y + head * width);
                else AddValues<TRows>(scratch.Scores(head - firstHead) + j, values, stride, visible - j, width, y + head * width);
            }
        for (int head = firstHead; head < endHead; head++) Scale(y + head * width, width, inverses[head - firstHead]);
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

    /// <summary>Σ a[i] b[i] over vectors, then a scalar tail.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float Dot<TRows>(float* a, byte* b, int count) where TRows : struct, IRows
    {
        TVector sum = TVector.Zero;
        int i = 0;
        for (; i + TVector.Count <= count; i += TVector.Count) sum = TVector.MultiplyAdd(TVector.Load(a + i), TRows.Load(b, i), sum);
        float total = TVector.Sum(sum);
        for (; i < count; i++) total = float.MultiplyAddEstimate(a[i], TRows.One(b, i), total);
        return total;
    }

    /// <summary>Scores of four keys; each sum as <see cref="Dot"/> takes it.</summary>
    static void Dots4<TRows>(float* q, byte* keys, long stride, int width, float* scores) where TRows : struct, IRows
    {
        TVector s0 = TVector.Zero, s1 = TVector.Zero, s2 = TVector.Zero, s3 = TVector.Zero;
        int d = 0;
        for (; d + TVector.Count <= width; d += TVector.Count)
        {
            TVector value = TVector.Load(q + d);
            s0 = TVector.MultiplyAdd(value, TRows.Load(keys, d), s0);
            s1 = TVector.MultiplyAdd(value, TRows.Load(keys + stride, d), s1);
            s2 = TVector.MultiplyAdd(value, TRows.Load(keys + 2 * stride, d), s2);
            s3 = TVector.MultiplyAdd(value, TRows.Load(keys + 3 * stride, d), s3);
        }
        (scores[0], scores[1], scores[2], scores[3]) = (TVector.Sum(s0), TVector.Sum(s1), TVector.Sum(s2), TVector.Sum(s3));
        for (; d < width; d++)
            for (int i = 0; i < BlockRows; i++) scores[i] = float.MultiplyAddEstimate(q[d], TRows.One(keys + i * stride, d), scores[i]);
    }

    /// <summary>y += Σ weights[j] · values[j] over four rows, in order.</summary>
    static void AddValues4<TRows>(float* weights, byte* values, long stride, int width, float* y) where TRows : struct, IRows
    {
        TVector w0 = TVector.Broadcast(weights[0]), w1 = TVector.Broadcast(weights[1]), w2 = TVector.Broadcast(weights[2]), w3 = TVector.Broadcast(weights[3]);
        int d = 0;
        for (; d + TVector.Count <= width; d += TVector.Count)
        {
            TVector sum = TVector.MultiplyAdd(w0, TRows.Load(values, d), TVector.Load(y + d));
            sum = TVector.MultiplyAdd(w1, TRows.Load(values + stride, d), sum);
            sum = TVector.MultiplyAdd(w2, TRows.Load(values + 2 * stride, d), sum);
            TVector.Store(TVector.MultiplyAdd(w3, TRows.Load(values + 3 * stride, d), sum), y + d);
        }
        for (; d < width; d++)
            for (int j = 0; j < BlockRows; j++) y[d] = float.MultiplyAddEstimate(weights[j], TRows.One(values + j * stride, d), y[d]);
    }

    static void AddValues<TRows>(float* weights, byte* values, long stride, int rows, int width, float* y) where TRows : struct, IRows
    {
        for (int j = 0; j < rows; j++, values += stride)
        {
            TVector weight = TVector.Broadcast(weights[j]);
            int d = 0;
            for (; d + TVector.Count <= width; d += TVector.Count)
                TVector.Store(TVector.MultiplyAdd(weight, TRows.Load(values, d), TVector.Load(y + d)), y + d);
            for (; d < width; d++) y[d] = float.MultiplyAddEstimate(weights[j], TRows.One(values, d), y[d]);
        }
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
        readonly float* _scores;
        readonly long _stride;

        public QueryScratch(float* memory, int heads, int keys)
        {
            float* next = memory;
            _stride = PadTo(keys, 16);
            _scores = Take(ref next, heads * _stride);
            Bias = Take(ref next, keys);
            Inverses = Take(ref next, heads);
            Bytes = (byte*)next - (byte*)memory;
        }

        public float* Scores(int head) => _scores + head * _stride;
    }
}
