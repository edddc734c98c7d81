using System.Numerics;
using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class LinearCrossEntropyTests
{
    const int Ignored = LinearCrossEntropy.IgnoredLabel;

    /// <summary>Rows, width, vocabulary: one word, one chunk with and without a tail, several chunks; few rows, many.</summary>
    static readonly (int Rows, int Width, int Vocabulary)[] Sizes =
        [(1, 1, 1), (3, 5, 2), (2, 16, 33), (19, 7, 1024), (5, 3, 1025), (21, 20, 2100), (0, 4, 9)];

    static LinearCrossEntropy Create(CpuIsa isa, ComputePool pool, ComputePrecision precision = ComputePrecision.F32) =>
        CpuVariants.Create<LinearCrossEntropy>(isa,
        () => new LinearCrossEntropyCpu<F32x1>(pool, CpuVariants.Gemm<F32x1>(isa, pool, precision)),
        () => new LinearCrossEntropyCpu<F32x4>(pool, CpuVariants.Gemm<F32x4>(isa, pool, precision)),
        () => new LinearCrossEntropyCpu<F32x8>(pool, CpuVariants.Gemm<F32x8>(isa, pool, precision)),
        () => new LinearCrossEntropyCpu<F32x16>(pool, CpuVariants.Gemm<F32x16>(isa, pool, precision)));

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsasAndThreads), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OnEverySize_EqualTheOracle(CpuIsa isa, int threads)
    {
        using var pool = new ComputePool(threads);
        foreach (var (rows, width, vocabulary) in Sizes)
            foreach (Into into in new[] { Into.Overwrite, Into.Add })
                using (var run = new Run(Create(isa, pool), rows, width, vocabulary, scale: 1 / MathF.Sqrt(width), deviation: 3, into: into))
                    run.AssertEqualsOracle();
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsasAndThreads), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OfBf16Products_EqualTheOracleWithinTheirRoundings(CpuIsa isa, int threads)
    {
        using var pool = new ComputePool(threads);
        foreach (var (rows, width, vocabulary) in Sizes)
            using (var run = new Run(Create(isa, pool, ComputePrecision.Bf16), rows, width, vocabulary, scale: 1 / MathF.Sqrt(width), deviation: 1))
                run.AssertEqualsOracle(Tolerance.Bf16Product);
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OnLogitsInTheHundreds_EqualTheOracle(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        using var run = new Run(Create(isa, pool), rows: 6, width: 12, vocabulary: 1500, scale: 1, deviation: 12);
        run.AssertEqualsOracle();
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Forward_OnExactLogits_HasTheAccuracyOfTheResult(CpuIsa isa)
    {
        // One input of 1, so that the logits are the weights themselves: −350 … 350 in quarters, over three chunks.
        const int vocabulary = 2801;
        float[] logits = [.. Enumerable.Range(0, vocabulary).Select(word => (word * 1201 % vocabulary - 1400) / 4f)];
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        int[] labels = [.. Enumerable.Range(0, 40).Select(row => row * 70)];
        Tensor x = host.Filled("x", new(labels.Length, 1), 1), w = host.From("w", new(vocabulary, 1), logits);
        Tensor nats = host.Empty("nats", new(labels.Length)), logSumExp = host.Empty("logSumExp", new(labels.Length), DType.F64);
        Tensor scratch = host.Empty("scratch", LinearCrossEntropy.ScratchShape(labels.Length, vocabulary));

        Create(isa, pool).Forward(x, new Weight(w), 1, host.From("labels", new(labels.Length), labels), logSumExp, nats, scratch);

        double max = logits.Max(), log = Math.Log(logits.Sum(logit => Math.Exp(logit - max)));
        double[] expected = [.. labels.Select(label => max - logits[label] + log)];
        Tolerance.AssertWithin(nats.HostSpan<float>(), expected, [.. expected.Select(nat => 2e-7 * nat)], "nats");
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OnAnyThreadCount_GiveTheSameBits(CpuIsa isa)
    {
        double[][]? expected = null;
        for (int threads = 1; threads <= 3; threads++)
        {
            using var pool = new ComputePool(threads);
            using var run = new Run(Create(isa, pool), rows: 19, width: 40, vocabulary: 1100, scale: 0.3f, deviation: 2);
            double[][] results = run.Results;
            expected ??= results;
            Assert.Equal(expected, results);
        }
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_WithRoomForAllLogits_GiveTheSameBits(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        LinearCrossEntropy op = Create(isa, pool);
        using Run chunked = OfWords(keepsLogits: false), kept = OfWords(keepsLogits: true);
        Assert.Equal(chunked.Results, kept.Results);

        Run OfWords(bool keepsLogits) => new(op, rows: 19, width: 24, vocabulary: 2500, scale: 0.3f, deviation: 2, keepsLogits: keepsLogits);
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Backward_OfKeptLogits_TakesThemOnlyWhereToldTo(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        // The scratch of all words, and that of one chunk which has them all.
        foreach (int vocabulary in new[] { 2500, 40 }) TakesKeptLogitsWhereToldTo(Create(isa, pool), vocabulary);
    }

    internal static void TakesKeptLogitsWhereToldTo(LinearCrossEntropy op, int vocabulary)
    {
        using var run = new Run(op, rows: 5, width: 4, vocabulary, scale: 1, deviation: 1, keepsLogits: true);
        float[] dx = run.Dx.HostSpan<float>().ToArray();
        run.Scratch.HostSpan<float>().Clear();
        run.Backward(op, holdsLogits: false);
        Assert.Equal(dx, run.Dx.HostSpan<float>());
        run.Scratch.HostSpan<float>().Clear();
        run.Backward(op, holdsLogits: true);
        Assert.NotEqual(dx, run.Dx.HostSpan<float>().ToArray());
    }

    [Theory]
    [InlineData(2088, 32_128)]
    [InlineData(2089, 1024)]
    public void TrainingScratchShape_UpTo256MiB_HoldsAllWords(int rows, int words) =>
        Assert.Equal(new(rows, words), LinearCrossEntropy.TrainingScratchShape(rows, 32_128));

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void ForwardAndBackward_OnIgnoredRows_GiveZeroNatsAndNoGradient(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        using var run = new Run(Create(isa, pool), rows: 11, width: 6, vocabulary: 1030, scale: 1, deviation: 1, ignoreAll: true);
        Assert.All(run.Nats.HostSpan<float>().ToArray(), nat => Assert.Equal(0, nat));
        Assert.All(run.Dx.HostSpan<float>().ToArray(), d => Assert.Equal(0, d));
        Assert.Equal(run.OldDWeight, run.DWeight.HostSpan<float>().ToArray());
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Forward_OnARowThatIsNotANumber_GivesNaNForThatRowAlone(CpuIsa isa)
    {
        const int rows = 20, vocabulary = 1100;
        using var host = new HostTensors(seed: 2);
        using var pool = new ComputePool(2);
        Tensor x = host.Random("x", new(rows, 9)), nats = host.Empty("nats", new(rows)), logSumExp = host.Empty("logSumExp", new(rows), DType.F64);
        x.HostSpan<float>()[7 * 9 + 4] = float.NaN;

        Create(isa, pool).Forward(x, new Weight(host.Random("w", new(vocabulary, 9))), 1, host.From("labels", new(rows), new int[rows]),
            logSumExp, nats, host.Empty("scratch", LinearCrossEntropy.ScratchShape(rows, vocabulary)));

        for (int row = 0; row < rows; row++) Assert.Equal(row == 7, float.IsNaN(nats.HostSpan<float>()[row]));
    }

    [Theory]
    [MemberData(nameof(CpuVariants.ProductIsas), MemberType = typeof(CpuVariants))]
    public void Forward_WhereOneLogitIsNotANumber_GivesNaN(CpuIsa isa)
    {
        // One input of 1, so that the logits are the weights themselves, in a whole chunk and in one with a tail.
        const int vocabulary = 1107;
        using var host = new HostTensors(seed: 3);
        using var pool = new ComputePool(1);
        Tensor x = host.Filled("x", new(1, 1), 1), w = host.Random("w", new(vocabulary, 1)), labels = host.From("labels", new(1), [5]);
        Tensor nats = host.Empty("nats", new(1)), logSumExp = host.Empty("logSumExp", new(1), DType.F64);
        Tensor scratch = host.Empty("scratch", LinearCrossEntropy.ScratchShape(1, vocabulary));
        Span<float> logits = w.HostSpan<float>();
        for (int word = 0; word < vocabulary; word++)
        {
            float logit = logits[word];
            logits[word] = float.NaN;
            Create(isa, pool).Forward(x, new Weight(w), 1, labels, logSumExp, nats, scratch);
            Assert.True(float.IsNaN(nats.HostSpan<float>()[0]) && double.IsNaN(logSumExp.HostSpan<double>()[0]), $"word {word}");
            logits[word] = logit;
        }
    }

    [Fact]
    public void ForwardAndBackward_AfterWarmUp_AllocateNothing()
    {
        using var pool = new ComputePool(2);
        LinearCrossEntropy op = Create(CpuIsa.Vector256, pool);
        using var run = new Run(op, rows: 18, width: 8, vocabulary: 1100, scale: 1, deviation: 1);
        Assert.Equal(0, Allocations.Of(() => run.Again(op)));
    }

    [Fact]
    public void BackwardOracle_EqualsTheComplexStepOfTheForward()
    {
        const int width = 3, vocabulary = 5;
        const double scale = 0.7, step = 1e-100;
        using var host = new HostTensors(seed: 5);
        int[] labels = [4, Ignored, 0];
        double[] x = Doubles(host.Random("x", new(labels.Length, width))), w = Doubles(host.Random("w", new(vocabulary, width)));
        double[] rowWeights = [0.5, 2, -1];
        double[] g = LinearCrossEntropyReference.LogitGradients(x, w, scale, labels, rowWeights, width, vocabulary);
        double[] dx = MatMulReference.BackwardInput(g, w, labels.Length, width, vocabulary);
        double[] dWeight = MatMulReference.BackwardWeight(g, x, labels.Length, width, vocabulary);
        for (int i = 0; i < x.Length; i++) Assert.Equal(dx[i], Loss(Nudged(x, i), Nudged(w, -1)), 1e-14);
        for (int i = 0; i < w.Length; i++) Assert.Equal(dWeight[i], Loss(Nudged(x, -1), Nudged(w, i)), 1e-14);

        double Loss(Complex[] xs, Complex[] ws) => LinearCrossEntropyReference.Forward(xs, ws, scale, labels, width, vocabulary).Nats
            .Select((nat, row) => nat.Imaginary * rowWeights[row]).Sum() / step;

        static Complex[] Nudged(double[] values, int at) => [.. values.Select((v, i) => new Complex(v, i == at ? step : 0))];
    }

    [Theory]
    [InlineData(5)]
    [InlineData(-1)]
    public void ForwardAndBackward_OnALabelOutsideTheVocabulary_NameRowAndLabel(int label)
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        LinearCrossEntropy op = Create(CpuIsa.Scalar, pool);
        Tensor x = host.Random("x", new(2, 3)), row = host.Random("row", new(2)), scratch = host.Empty("scratch", new(2, 5));
        Tensor labels = host.From("the.labels", new(2), [4, label]), logSumExp = host.Empty("logSumExp", new(2), DType.F64);
        var w = new Weight(host.Random("w", new(5, 3)));
        string expected = $"'the.labels' has label {label} in row 1, expected 0 to 4 or -100.";
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => op.Forward(x, w, 1, labels, logSumExp, row, scratch)).Message);
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => op.Backward(x, w, 1, labels, row, logSumExp, x, w.Value, scratch, holdsLogits: false)).Message);
    }

    [Fact]
    public void ForwardAndBackward_OnWrongShapes_NameOpAndTensor()
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        LinearCrossEntropy op = Create(CpuIsa.Scalar, pool);
        Tensor x = host.Random("x", new(2, 3)), row = host.Random("row", new(2)), scratch = host.Empty("the.scratch", new(2, 4));
        Tensor labels = host.From("labels", new(2), [4, 0]), logSumExp = host.Empty("logSumExp", new(2), DType.F64);
        var w = new Weight(host.Random("w", new(5, 3)));
        Assert.Contains("linear_cross_entropy.forward: 'the.scratch' has shape [2, 4], expected [2, 5]",
            Assert.Throws<ArgumentException>(() => op.Forward(x, w, 1, labels, logSumExp, row, scratch)).Message);
        Assert.Contains("linear_cross_entropy.backward: 'row' has element type F32, expected I32",
            Assert.Throws<ArgumentException>(() => op.Backward(x, w, 1, row, row, logSumExp, x, w.Value, scratch, holdsLogits: false)).Message);
        var wide = new Weight(host.Random("w", new(1030, 3)));
        Tensor chunk = host.Empty("the.chunk", LinearCrossEntropy.ScratchShape(2, 1030));
        Assert.Contains("linear_cross_entropy.backward: 'the.chunk' has shape [2, 1024], expected [2, 1030]",
            Assert.Throws<ArgumentException>(() => op.Backward(x, wide, 1, labels, row, logSumExp, x, wide.Value, chunk, holdsLogits: true)).Message);
    }

    static double[] Doubles(Tensor tensor) => Array.ConvertAll(tensor.HostSpan<float>().ToArray(), v => (double)v);

    /// <summary>One forward and backward on random data; every fourth row is ignored.</summary>
    internal sealed class Run : IDisposable
    {
        readonly HostTensors _host = new(seed: 11);
        readonly int _rows, _width, _vocabulary;
        readonly float _scale;
        readonly int[] _labels;
        readonly Tensor _x, _w, _rowWeights, _labelTensor, _logSumExp;
        readonly Weight _weight;
        readonly Into _into;
        readonly bool _keepsLogits;

        public Run(LinearCrossEntropy op, int rows, int width, int vocabulary, float scale, double deviation, bool ignoreAll = false, bool keepsLogits = false, Into into = Into.Add)
        {
            (_rows, _width, _vocabulary, _scale, _into, _keepsLogits) = (rows, width, vocabulary, scale, into, keepsLogits);
            _labels = [.. Enumerable.Range(0, rows).Select(row => ignoreAll || row % 4 == 1 ? Ignored : (row * 7919 + vocabulary - 1) % vocabulary)];
            _x = _host.Random("x", new(rows, width), deviation);
            _w = _host.Random("w", new(vocabulary, width), deviation);
            _rowWeights = _host.Random("rowWeights", new(rows));
            _logSumExp = _host.Empty("logSumExp", new(rows), DType.F64);
            (Nats, Dx) = (_host.Empty("nats", new(rows)), _host.Empty("dx", new(rows, width)));
            // Overwrite must not read what was there, which is NaN.
            DWeight = into == Into.Add ? _host.Random("dWeight", new(vocabulary, width)) : _host.Empty("dWeight", new(vocabulary, width));
            OldDWeight = DWeight.HostSpan<float>().ToArray();
            _labelTensor = _host.From("labels", new(rows), _labels);
            Scratch = _host.Empty("scratch", keepsLogits ? LinearCrossEntropy.TrainingScratchShape(rows, vocabulary) : LinearCrossEntropy.ScratchShape(rows, vocabulary));
            _weight = new Weight(_w);
            Again(op);
        }

        public void Again(LinearCrossEntropy op)
        {
            op.Forward(_x, _weight, _scale, _labelTensor, _logSumExp, Nats, Scratch);
            Backward(op, _keepsLogits);
        }

        public void Backward(LinearCrossEntropy op, bool holdsLogits) =>
            op.Backward(_x, _weight, _scale, _labelTensor, _rowWeights, _logSumExp, Dx, new(DWeight, _into), Scratch, holdsLogits);

        public Tensor Scratch { get; }

        public Tensor Nats { get; }

        public Tensor Dx { get; }

        public Tensor DWeight { get; }

        public float[] OldDWeight { get; }

        public double[][] Results => [_logSumExp.HostSpan<double>().ToArray(), Doubles(Nats), Doubles(Dx), Doubles(DWeight)];

        /// <param name="rounding">Relative error of each product by the rounding of its factors.</param>
        public void AssertEqualsOracle(double rounding = 0)
        {
            const double eps = Tolerance.Epsilon;
            string what = $"{_rows} × {_width} → {_vocabulary}";
            double[] x = Doubles(_x), w = Doubles(_w), weights = Doubles(_rowWeights);
            var (logSumExp, nats) = LinearCrossEntropyReference.Forward(x, w, _scale, _labels, _width, _vocabulary);
            double[] absX = MatMulReference.Magnitudes(x), absW = MatMulReference.Magnitudes(w);
            double[] sizes = LinearCrossEntropyReference.Logits(absX, absW, _scale, _rows, _width, _vocabulary);
            // Greatest error of any logit of the row: its sum's, and the rounding of its scaling.
            double[] logitErrors = [.. Enumerable.Range(0, _rows).Select(row =>
                ((1 + Tolerance.Sum(_width)) * eps + rounding) * sizes.AsSpan(row * _vocabulary, _vocabulary).ToArray().Max())];
            AssertRows([.. _logSumExp.HostSpan<double>().ToArray().Select(value => (float)value)], logSumExp, (value, row) => logitErrors[row] + eps
                * (Tolerance.Transcendental + Math.Abs(value)), $"logSumExp of {what}");
            AssertRows(Nats.HostSpan<float>(), nats, (value, row) => 2 * logitErrors[row] + eps * (Tolerance.Transcendental + value), $"nats of {what}");

            double[] g = LinearCrossEntropyReference.LogitGradients(x, w, _scale, _labels, weights, _width, _vocabulary);
            // p = exp(logit − logSumExp) inherits the absolute errors of both as relative ones; logSumExp has the logits' alone, and the
            // difference is rounded where it is large, that is, where p is small.
            double[] gErrors = [.. g.Select((value, i) => GradientError(value, i / _vocabulary, i % _vocabulary))];
            double[] absG = MatMulReference.Magnitudes(g);
            AssertProduct(Dx, null, MatMulReference.BackwardInput(g, w, _rows, _width, _vocabulary),
                MatMulReference.BackwardInput(gErrors, absW, _rows, _width, _vocabulary),
                MatMulReference.BackwardInput(absG, absW, _rows, _width, _vocabulary), rounding, _vocabulary, $"dx of {what}");
            AssertProduct(DWeight, _into == Into.Add ? OldDWeight : null, MatMulReference.BackwardWeight(g, x, _rows, _width, _vocabulary),
                MatMulReference.BackwardWeight(gErrors, absX, _rows, _width, _vocabulary),
                MatMulReference.BackwardWeight(absG, absX, _rows, _width, _vocabulary), rounding, _rows, $"dWeight of {what}");
            Assert.True(_host.GuardsAreIntact(), what);

            double GradientError(double value, int row, int word)
            {
                double weight = Math.Abs(_scale * weights[row]), oneHot = word == _labels[row] ? 1 : 0;
                if (weight == 0 || _labels[row] == Ignored) return 0;
                double p = value / (_scale * weights[row]) + oneHot;
                double relative = 2 * logitErrors[row] + eps * (Tolerance.Transcendental + 2 * Math.Abs(Math.Log(Math.Max(p, double.Epsilon))));
                return weight * (p * (Math.Exp(relative) - 1 + Tolerance.Elementwise * eps) + oneHot * Tolerance.Elementwise * eps);
            }
        }

        /// <summary>Ignored rows must be 0 exactly.</summary>
        void AssertRows(ReadOnlySpan<float> got, double[] expected, Func<double, int, double> bound, string what) =>
            Tolerance.AssertWithin(got, expected,
                [.. expected.Select((value, row) => _labels[row] == Ignored ? 0 : bound(value, row))], what);

        static void AssertProduct(Tensor got, float[]? old, double[] product, double[] inherited, double[] magnitude, double rounding, int terms, string what)
        {
            double[] expected = [.. product.Select((p, i) => p + (old?[i] ?? 0))];
            double[] bounds = [.. magnitude.Select((m, i) => (1 + rounding) * inherited[i] + rounding * m + Tolerance.Sum(terms) * Tolerance.Epsilon
                * (m + Math.Abs(old?[i] ?? 0)))];
            Tolerance.AssertWithin(got.HostSpan<float>(), expected, bounds, what);
        }

        public void Dispose() => _host.Dispose();
    }
}
