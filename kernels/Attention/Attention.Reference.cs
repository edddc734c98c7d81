using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="Attention"/>.</summary>
public static class AttentionReference
{
    /// <summary>Rows outside every span are 0.</summary>
    /// <returns>y [queryRows, heads · headWidth] and logSumExp [queryRows, heads].</returns>
    public static (T[] Y, T[] LogSumExp) Forward<T>(AttentionInputs<T> inputs) where T : INumberBase<T>
    {
        var y = new T[inputs.Q.Length];
        var logSumExp = new T[inputs.Q.Length / inputs.HeadWidth];
        foreach (AttentionSpan span in inputs.Spans)
            for (int head = 0; head < inputs.Heads; head++)
                for (int i = 0; i < span.QueryCount; i++)
                {
                    T[] weights = Weights(inputs, span, head, i, out logSumExp[(span.QueryStart + i) * inputs.Heads + head]);
                    for (int j = 0; j < weights.Length; j++)
                        for (int d = 0; d < inputs.HeadWidth; d++)
                            y[Query(inputs, span, head, i) + d] +=
                                weights[j] * inputs.KeepFactor(span, head, i, j) * inputs.V[Key(inputs, span, head, j) + d];
                }
        return (y, logSumExp);
    }

    /// <summary>Gradients of Σ dy · y, by the product and quotient rules alone: δ is summed over keys, not taken from y.</summary>
    /// <returns>In the shapes of q, k, v and the table (empty without bias).</returns>
    public static (T[] Dq, T[] Dk, T[] Dv, T[] DTable) Backward<T>(AttentionInputs<T> inputs, T[] dy) where T : INumberBase<T>
    {
        var (dq, dk, dv) = (new T[inputs.Q.Length], new T[inputs.K.Length], new T[inputs.V.Length]);
        var dTable = new T[inputs.Table?.Length ?? 0];
        foreach (AttentionSpan span in inputs.Spans)
            for (int head = 0; head < inputs.Heads; head++)
                for (int i = 0; i < span.QueryCount; i++)
                {
                    int query = Query(inputs, span, head, i);
                    T[] weights = Weights(inputs, span, head, i, out _);
                    var dWeights = new T[weights.Length];
                    T delta = T.Zero;
                    for (int j = 0; j < weights.Length; j++)
                    {
                        int key = Key(inputs, span, head, j);
                        T keep = inputs.KeepFactor(span, head, i, j);
                        for (int d = 0; d < inputs.HeadWidth; d++)
                        {
                            dv[key + d] += weights[j] * keep * dy[query + d];
                            dWeights[j] += dy[query + d] * keep * inputs.V[key + d];
                        }
                        delta += weights[j] * dWeights[j];
                    }
                    for (int j = 0; j < weights.Length; j++)
                    {
                        int key = Key(inputs, span, head, j);
                        T dScore = weights[j] * (dWeights[j] - delta);
                        if (inputs.Table is not null) dTable[inputs.TableIndex(span, head, i, j)] += dScore;
                        for (int d = 0; d < inputs.HeadWidth; d++)
                        {
                            dq[query + d] += dScore * inputs.K[key + d];
                            dk[key + d] += dScore * inputs.Q[query + d];
                        }
                    }
                }
        return (dq, dk, dv, dTable);
    }

    /// <summary>Softmax of one query over the keys that it sees, before dropout.</summary>
    public static T[] Weights<T>(AttentionInputs<T> inputs, AttentionSpan span, int head, int query, out T logSumExp)
        where T : INumberBase<T>
    {
        var weights = new T[inputs.VisibleKeys(span, query)];
        double greatest = double.NegativeInfinity;
        for (int j = 0; j < weights.Length; j++)
        {
            for (int d = 0; d < inputs.HeadWidth; d++)
                weights[j] += inputs.Q[Query(inputs, span, head, query) + d] * inputs.K[Key(inputs, span, head, j) + d];
            if (inputs.Table is not null) weights[j] += inputs.Table[inputs.TableIndex(span, head, query, j)];
            greatest = Math.Max(greatest, OracleMath.Real(weights[j]));
        }
        T shift = OracleMath.Number<T>(greatest), sum = T.Zero;
        for (int j = 0; j < weights.Length; j++)
        {
            weights[j] = OracleMath.Exp(weights[j] - shift);
            sum += weights[j];
        }
        for (int j = 0; j < weights.Length; j++) weights[j] /= sum;
        logSumExp = shift + OracleMath.Log(sum);
        return weights;
    }

    /// <summary>First element of a span's query in q, y and dy.</summary>
    public static int Query<T>(AttentionInputs<T> inputs, AttentionSpan span, int head, int query) where T : INumberBase<T> =>
        (span.QueryStart + query) * inputs.Width + head * inputs.HeadWidth;

    /// <summary>First element of a span's key in k and v.</summary>
    public static int Key<T>(AttentionInputs<T> inputs, AttentionSpan span, int head, int key) where T : INumberBase<T> =>
        (span.KeyStart + key) * inputs.Width + head * inputs.HeadWidth;
}
