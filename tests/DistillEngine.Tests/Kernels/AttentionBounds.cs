using DistillEngine.Kernels;

namespace DistillEngine.Tests.Kernels;

/// <summary>
/// Greatest errors of float32 attention, propagated in double along its formulas: a score errs by c·ε·Σ|q||k|, a weight relatively by
/// what the scores err absolutely, everything after by the weights' errors and its own sums. First order in ε.
/// </summary>
sealed class AttentionBounds
{
    const double Eps = Tolerance.Epsilon;

    /// <param name="y">The oracle's result.</param>
    public AttentionBounds(AttentionInputs<double> inputs, double[] dy, double[] y)
    {
        (Y, LogSumExp) = (new double[inputs.Q.Length], new double[inputs.Q.Length / inputs.HeadWidth]);
        (Dq, Dk, Dv) = (new double[inputs.Q.Length], new double[inputs.K.Length], new double[inputs.V.Length]);
        DTable = new double[inputs.Table?.Length ?? 0];
        Array.Fill(DTable, Tolerance.Elementwise * Eps);
        foreach (AttentionSpan span in inputs.Spans)
            for (int head = 0; head < inputs.Heads; head++)
                for (int i = 0; i < span.QueryCount; i++)
                    AddQuery(inputs, dy, y, span, head, i);
    }

    public double[] Y { get; }
    public double[] LogSumExp { get; }
    public double[] Dq { get; }
    public double[] Dk { get; }
    public double[] Dv { get; }
    public double[] DTable { get; }

    void AddQuery(AttentionInputs<double> inputs, double[] dy, double[] y, AttentionSpan span, int head, int i)
    {
        int width = inputs.HeadWidth, query = AttentionReference.Query(inputs, span, head, i);
        double[] weights = AttentionReference.Weights(inputs, span, head, i, out double logSumExp);
        double scoreError = 0, sumOfWidth = Eps * Tolerance.Sum(width), sumOfQueries = Eps * Tolerance.Sum(span.QueryCount);
        for (int j = 0; j < weights.Length; j++)
        {
            int key = AttentionReference.Key(inputs, span, head, j);
            double products = 0;
            for (int d = 0; d < width; d++) products += Math.Abs(inputs.Q[query + d] * inputs.K[key + d]);
            double bias = inputs.Table is null ? 0 : Math.Abs(inputs.Table[inputs.TableIndex(span, head, i, j)]);
            double roundings = Eps * Tolerance.Elementwise * (products + bias + Math.Abs(logSumExp));
            scoreError = Math.Max(scoreError, sumOfWidth * products + roundings);
        }
        int keys = weights.Length;
        double sumOfKeys = Eps * Tolerance.Sum(keys), sumError = Eps * Tolerance.Transcendental + sumOfKeys;
        double weightError = 2 * scoreError + 2 * sumError;
        LogSumExp[(span.QueryStart + i) * inputs.Heads + head] = scoreError + sumError + Eps * Tolerance.Elementwise * Math.Abs(logSumExp);

        for (int j = 0; j < keys; j++)
            for (int d = 0; d < width; d++)
                Y[query + d] += weightError * weights[j] * inputs.KeepFactor(span, head, i, j)
                    * Math.Abs(inputs.V[AttentionReference.Key(inputs, span, head, j) + d]);
        double delta = 0, deltaError = 0;
        for (int d = 0; d < width; d++)
        {
            delta += dy[query + d] * y[query + d];
            deltaError += Math.Abs(dy[query + d]) * (Y[query + d] + sumOfWidth * Math.Abs(y[query + d]));
        }
        for (int j = 0; j < keys; j++)
        {
            int key = AttentionReference.Key(inputs, span, head, j);
            double keep = inputs.KeepFactor(span, head, i, j), dWeight = 0, products = 0;
            for (int d = 0; d < width; d++)
            {
                dWeight += dy[query + d] * inputs.V[key + d] * keep;
                products += Math.Abs(dy[query + d] * inputs.V[key + d]) * keep;
            }
            double dScore = Math.Abs(weights[j] * (dWeight - delta));
            double error = weights[j] * (sumOfWidth * products + deltaError + Eps * Math.Abs(delta))
                + (weightError + Tolerance.Elementwise * Eps) * dScore;
            for (int d = 0; d < width; d++)
            {
                Dv[key + d] += (weightError + sumOfQueries) * weights[j] * keep * Math.Abs(dy[query + d]);
                Dk[key + d] += (error + sumOfQueries * dScore) * Math.Abs(inputs.Q[query + d]);
                Dq[query + d] += (error + sumOfKeys * dScore) * Math.Abs(inputs.K[key + d]);
            }
            if (inputs.Table is not null)
                DTable[inputs.TableIndex(span, head, i, j)] += error + Eps * Tolerance.Sum(span.QueryCount * inputs.Spans.Length) * dScore;
        }
    }
}
