using System.Numerics;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class AttentionReferenceTests
{
    const double Step = 1e-30;

    [Theory]
    [InlineData(Masking.None, true, 0)]
    [InlineData(Masking.Causal, false, 0.3f)]
    [InlineData(Masking.Causal, null, 0.3f)]
    public void Backward_AgainstTheComplexStep_AgreesToDoublePrecision(Masking masking, bool? bidirectional, float rate)
    {
        AttentionSpan[] spans = [new(0, 3, 0, 5, 2, 1), new(3, 1, 5, 4, 3, 2), new(4, 4, 9, 4, 0, 3)];
        using var problem = new AttentionProblem(1, spans, 2, 3, masking, bidirectional, rate);
        // The row after the last span is NaN; the oracle's arrays hold zeros there, so that sums over all rows stay finite.
        double[] Clean(double[] x) => Array.ConvertAll(x, v => double.IsNaN(v) ? 0 : v);
        AttentionInputs<double> real = problem.Inputs;
        real = real with { Q = Clean(real.Q), K = Clean(real.K), V = Clean(real.V) };
        double[] dy = Clean(AttentionProblem.Doubles(problem.Dy));
        var (dq, dk, dv, dTable) = AttentionReference.Backward(real, dy);
        var inputs = new AttentionInputs<Complex>(Complexes(real.Q), Complexes(real.K), Complexes(real.V), spans, 2, 3, masking,
            real.Table is null ? null : Complexes(real.Table), real.BucketOfDistance, real.Keep, real.KeepStride);
        Compare(inputs, dy, inputs.Q, dq, "dq");
        Compare(inputs, dy, inputs.K, dk, "dk");
        Compare(inputs, dy, inputs.V, dv, "dv");
        if (inputs.Table is not null) Compare(inputs, dy, inputs.Table, dTable, "dTable");
    }

    [Fact]
    public void Forward_OfTwoKeys_MatchesTheFormulaByHand()
    {
        var inputs = new AttentionInputs<double>([2], [1, -1], [10, 20], [new(0, 1, 0, 2, 1, 0)], 1, 1, Masking.None,
            Table: [0.5, -0.25], BucketOfDistance: [1, 0, 0], Keep: [1, 2], KeepStride: 2);
        var (y, logSumExp) = AttentionReference.Forward(inputs);
        // Scores 2·1 − 0.25 and 2·(−1) + 0.5; the second weight is kept with factor 2.
        double first = Math.Exp(1.75), second = Math.Exp(-1.5);
        Assert.Equal((first * 10 + second * 2 * 20) / (first + second), y[0], 1e-12);
        Assert.Equal(Math.Log(first + second), logSumExp[0], 1e-12);
    }

    /// <summary>Moves each element of one of the inputs' own arrays along the imaginary axis and reads the gradient of Σ dy · y.</summary>
    static void Compare(AttentionInputs<Complex> inputs, double[] dy, Complex[] argument, double[] gradient, string what)
    {
        for (int i = 0; i < argument.Length; i++)
        {
            Complex before = argument[i];
            argument[i] += new Complex(0, Step);
            Complex[] y = AttentionReference.Forward(inputs).Y;
            argument[i] = before;
            double expected = 0;
            for (int e = 0; e < y.Length; e++) expected += dy[e] * y[e].Imaginary / Step;
            double bound = 1e-12 * (1 + Math.Abs(expected));
            Assert.True(Math.Abs(expected - gradient[i]) < bound, $"{what}[{i}] is {gradient[i]}, expected {expected}.");
        }
    }

    static Complex[] Complexes(double[] values) => Array.ConvertAll(values, v => new Complex(v, 0));
}
