using System.Numerics;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="LinearCrossEntropy"/>, row-major arrays; all logits at once.</summary>
public static class LinearCrossEntropyReference
{
    /// <summary>logSumExp and nats of every row; both 0 where the row is ignored.</summary>
    public static (T[] LogSumExp, T[] Nats) Forward<T>(T[] x, T[] w, double scale, int[] labels, int width, int vocabulary) where T : INumberBase<T>
    {
        var logSumExp = new T[labels.Length];
        var nats = new T[labels.Length];
        T[] logits = Logits(x, w, scale, labels.Length, width, vocabulary);
        for (int row = 0; row < labels.Length; row++)
        {
            if (labels[row] == Batch.IgnoredLabel) continue;
            Span<T> line = logits.AsSpan(row * vocabulary, vocabulary);
            double largest = double.NegativeInfinity;
            foreach (T logit in line) largest = Math.Max(largest, OracleMath.Real(logit));
            T sum = T.Zero;
            foreach (T logit in line) sum += OracleMath.Exp(logit - OracleMath.Number<T>(largest));
            T log = OracleMath.Log(sum);
            logSumExp[row] = OracleMath.Number<T>(largest) + log;
            nats[row] = OracleMath.Number<T>(largest) - line[labels[row]] + log;
        }
        return (logSumExp, nats);
    }

    /// <summary>scale · x Wᵀ.</summary>
    public static T[] Logits<T>(T[] x, T[] w, double scale, int rows, int width, int vocabulary) where T : INumberBase<T> =>
        Array.ConvertAll(MatMulReference.Forward(x, w, rows, width, vocabulary), logit => OracleMath.Number<T>(scale) * logit);

    /// <summary>g = scale · rowWeights · (softmax(logits) − onehot(label)), [rows, vocabulary]; 0 where the row is ignored. Then dx = g W and
    /// dWeight += gᵀ x.</summary>
    public static double[] LogitGradients(double[] x, double[] w, double scale, int[] labels, double[] rowWeights, int width, int vocabulary)
    {
        double[] gradients = Logits(x, w, scale, labels.Length, width, vocabulary);
        var (logSumExp, _) = Forward(x, w, scale, labels, width, vocabulary);
        for (int row = 0; row < labels.Length; row++)
            for (int word = 0; word < vocabulary; word++)
            {
                ref double gradient = ref gradients[row * vocabulary + word];
                double expected = word == labels[row] ? 1 : 0;
                gradient = labels[row] == Batch.IgnoredLabel ? 0 : scale * rowWeights[row] * (Math.Exp(gradient - logSumExp[row]) - expected);
            }
        return gradients;
    }
}
