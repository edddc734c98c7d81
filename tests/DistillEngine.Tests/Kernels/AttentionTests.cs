using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class AttentionTests
{
    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    internal static AttentionSpan[] CrossSpans =>
    [
        new(0, 3, 0, 20, 0, 4), new(4, 1, 21, 45, 0, 5), new(5, 18, 70, 1, 0, 6), new(25, 35, 72, 67, 0, 7),
    ];

    /// <summary>Decoding from caches of 40 and 64 rows: one or a few new queries at the end of what is there.</summary>
    internal static AttentionSpan[] CacheSpans =>
    [
        new(0, 1, 0, 1, 0, 1), new(1, 1, 40, 33, 32, 2), new(3, 2, 104, 17, 15, 3), new(5, 5, 144, 40, 35, 4), new(10, 1, 200, 64, 63, 5),
    ];

    [Fact]
    public void ForwardAndBackward_OfAnEncoderAtEveryEdgeLength_AreWithinRounding()
    {
        AttentionSpan[] spans = AttentionProblem.SelfSpans(CpuVariants.EdgeLengths);
        AgreesWithTheOracle(threads: 2, new(1, spans, 2, 12, Masking.None, bidirectional: true, 0));
    }

    [Fact]
    public void ForwardAndBackward_OfADecoderAtEveryEdgeLengthWithDropout_AreWithinRounding()
    {
        AttentionSpan[] spans = AttentionProblem.SelfSpans(CpuVariants.EdgeLengths);
        AgreesWithTheOracle(threads: 3, new(2, spans, 2, 8, Masking.Causal, bidirectional: false, 0.2f));
    }

    [Fact]
    public void ForwardAndBackward_AtEveryHeadWidth_AreWithinRounding()
    {
        foreach (int headWidth in new[] { 1, 3, 4, 17, 64, 100 })
        {
            AgreesWithTheOracle(threads: 1, new(3, CrossSpans, 3, headWidth, Masking.None, bidirectional: null, 0.1f));
            AgreesWithTheOracle(threads: 1, new(4, CacheSpans, 2, headWidth, Masking.Causal, bidirectional: false, 0.1f));
        }
    }

    [Fact]
    public void ForwardAndBackward_WithGreatScoresOrZeros_StayWithinRounding()
    {
        AttentionSpan[] spans = AttentionProblem.SelfSpans(5, 40);
        AgreesWithTheOracle(threads: 1, new(5, spans, 2, 16, Masking.None, bidirectional: true, 0, deviation: 12));
        AgreesWithTheOracle(threads: 1, new(6, spans, 2, 16, Masking.Causal, bidirectional: null, 0, deviation: 0));
    }

    [Fact]
    public void ForwardAndBackward_OfLongSequences_AreWithinRounding()
    {
        AgreesWithTheOracle(threads: 2, new(13, AttentionProblem.SelfSpans(420), 1, 8, Masking.None, bidirectional: true, 0));
        AgreesWithTheOracle(threads: 3, new(14, AttentionProblem.SelfSpans(420), 1, 8, Masking.Causal, bidirectional: false, 0.1f));
    }

    [Fact]
    public void ForwardAndBackward_OfQueriesThatSeeNotAllKeys_AreWithinRounding()
    {
        // Causal queries before the end of their keys, at every place of a block: the last keys have no gradient.
        AttentionSpan[] spans = [new(0, 20, 0, 90, 3, 1), new(21, 33, 91, 40, 0, 2), new(55, 16, 132, 16, 1, 3), new(72, 50, 149, 200, 17, 4)];
        AgreesWithTheOracle(threads: 2, new(15, spans, 2, 12, Masking.Causal, bidirectional: false, 0));
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Forward_OfZeroQueries_AveragesTheValues(CpuIsa isa)
    {
        using var pool = new ComputePool(1);
        AttentionSpan[] spans = AttentionProblem.SelfSpans(6);
        using var problem = new AttentionProblem(7, spans, 1, 4, Masking.None, bidirectional: null, 0, deviation: 0);
        AttentionProblem.Results results = problem.Forward(Create(isa, pool));
        for (int d = 0; d < 4; d++)
        {
            double mean = Enumerable.Range(0, 6).Average(j => (double)problem.V.HostSpan<float>()[j * 4 + d]);
            Assert.Equal(mean, results.Y.HostSpan<float>()[d], 1e-6);
        }
        Assert.Equal(Math.Log(6), results.LogSumExp.HostSpan<float>()[0], 1e-6);
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void ForwardAndBackward_WhereAKeyIsNotANumber_GiveNaNToItsSequenceAlone(CpuIsa isa)
    {
        AttentionSpan[] spans = [.. AttentionProblem.SelfSpans(40, 5), new(47, 1, 47, 19, 18, 3)];
        foreach (var (key, sequence) in new[] { (0, 0), (21, 0), (39, 0), (43, 1), (47, 2), (65, 2) })
        {
            using var pool = new ComputePool(2);
            using var problem = new AttentionProblem(18, spans, 1, 20, Masking.None, bidirectional: true, 0.3f);
            problem.K.Rows(key, 1).HostSpan<float>()[7] = float.NaN;
            AttentionProblem.Results got = problem.ForwardAndBackward(Create(isa, pool));
            for (int s = 0; s < spans.Length; s++)
            {
                foreach (Tensor x in new[] { got.Y, got.LogSumExp, got.Dq })
                    Assert.All(x.Rows(spans[s].QueryStart, spans[s].QueryCount).HostSpan<float>().ToArray(), v => Assert.Equal(s == sequence, float.IsNaN(v)));
                foreach (Tensor x in new[] { got.Dk, got.Dv })
                    Assert.All(x.Rows(spans[s].KeyStart, spans[s].KeyCount).HostSpan<float>().ToArray(), v => Assert.Equal(s == sequence, float.IsNaN(v)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void ForwardAndBackward_OnAnyThreads_GiveTheSameBits(CpuIsa isa)
    {
        AttentionSpan[] spans = AttentionProblem.SelfSpans(65, 1, 130, 40, 7);
        using var problem = new AttentionProblem(8, spans, 3, 20, Masking.Causal, bidirectional: true, 0.1f);
        using var single = new ComputePool(1);
        AttentionProblem.Results expected = problem.ForwardAndBackward(Create(isa, single));
        for (int threads = 2; threads <= 3; threads++)
        {
            using var pool = new ComputePool(threads);
            SameBits(expected, problem.ForwardAndBackward(Create(isa, pool)));
        }
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void ForwardAndBackward_OfOneLongSequenceOnAnyThreads_GiveTheSameBits(CpuIsa isa)
    {
        foreach (Masking masking in new[] { Masking.None, Masking.Causal })
        {
            using var problem = new AttentionProblem(16, AttentionProblem.SelfSpans(300), 1, 20, masking, bidirectional: true, 0.1f);
            using var single = new ComputePool(1);
            AttentionProblem.Results expected = problem.ForwardAndBackward(Create(isa, single));
            foreach (int threads in new[] { 2, 3, 7 })
            {
                using var pool = new ComputePool(threads);
                SameBits(expected, problem.ForwardAndBackward(Create(isa, pool)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void ScratchBytes_OfLongerSequences_GrowLinearly(CpuIsa isa)
    {
        using var pool = new ComputePool(1);
        Attention op = Create(isa, pool);
        long Bytes(int length) => ((IAttentionScratch)op).ScratchBytes(length, length, headWidth: 64, hasBias: true);
        for (int length = 128; length < 4096; length *= 2)
            Assert.InRange(Bytes(2 * length), 1.5 * Bytes(length), 2 * Bytes(length));
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void ForwardAndBackward_InPlace_GiveTheSameBits(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        Attention op = Create(isa, pool);
        foreach (AttentionSpan[] spans in new[] { AttentionProblem.SelfSpans(33, 70, 1, 2), CacheSpans })
        {
            using var problem = new AttentionProblem(9, spans, 2, 20, Masking.Causal, bidirectional: false, 0.1f);
            AttentionProblem.Results expected = problem.ForwardAndBackward(op);
            Assert.Equal(Numbers(expected.Y), Numbers(problem.Forward(op, yIsQ: true).Y));
            SameBits(expected, problem.ForwardAndBackward(op, dqIsDy: true));
        }
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Forward_OfASequenceAlone_GivesTheBitsThatItHasInAPackedCall(CpuIsa isa)
    {
        using var pool = new ComputePool(1);
        Attention op = Create(isa, pool);
        using var problem = new AttentionProblem(10, AttentionProblem.SelfSpans(31, 18, 66), 2, 8, Masking.None, bidirectional: true, 0.3f);
        Tensor packed = problem.Forward(op).Y;
        using var tensors = new HostTensors(0);
        foreach (AttentionSpan span in problem.Spans)
        {
            Tensor One(Tensor x) => tensors.Copy(x.Rows(span.QueryStart, span.QueryCount));
            AttentionSpan alone = span with { QueryStart = 0, KeyStart = 0 };
            int[] fields = [0, alone.QueryCount, 0, alone.KeyCount, alone.QueryPosition, alone.Sequence];
            Tensor y = tensors.Empty("y", new(span.QueryCount, 16)), logSumExp = tensors.Empty("logSumExp", new(span.QueryCount, 2));
            op.Forward(One(problem.Q), One(problem.K), One(problem.V), tensors.From("spans", new(1, AttentionSpan.Fields), fields), 2,
                problem.Masking, problem.Bias, problem.Dropout, y, logSumExp);
            Assert.Equal(Bits(packed.Rows(span.QueryStart, span.QueryCount)), Bits(y));
        }
    }

    [Fact]
    public void ForwardAndBackward_AfterTheFirstCall_AllocateNothing()
    {
        using var pool = new ComputePool(1);
        using var tensors = new HostTensors(0);
        Attention op = Create(CpuIsa.Vector256, pool);
        using var problem = new AttentionProblem(12, AttentionProblem.SelfSpans(20, 1), 2, 8, Masking.Causal, bidirectional: false, 0.1f);
        AttentionProblem.Results results = problem.ForwardAndBackward(op);
        Tensor partials = tensors.Empty("tablePartials", new(2, 24));
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 10; i++)
            {
                op.Forward(problem.Q, problem.K, problem.V, problem.SpanTensor, 2, Masking.Causal, problem.Bias, problem.Dropout,
                    results.Y, results.LogSumExp);
                op.Backward(problem.Dy, problem.Q, problem.K, problem.V, results.Y, results.LogSumExp, problem.SpanTensor, 2, Masking.Causal,
                    problem.Bias, problem.Dropout, results.Dq, results.Dk, results.Dv, results.DTable, partials);
            }
        }));
    }

    [Fact]
    public void ForwardAndBackward_WithoutSpans_DoNothing()
    {
        using var pool = new ComputePool(2);
        using var tensors = new HostTensors(0);
        Attention op = Create(CpuIsa.Vector256, pool);
        Tensor q = tensors.Random("q", new(2, 8)), lse = tensors.Empty("logSumExp", new(2, 2));
        Tensor table = tensors.Filled("table", new(12, 2), 1);
        Tensor spans = tensors.From("spans", new(1, AttentionSpan.Fields), new int[6]).First(0), y = tensors.Filled("y", q.Shape, 3);
        var bias = new RelativeBias(table, tensors.From("bucketOfDistance", new(41), RelativePositionBuckets.Build(true, 12, 20)));
        op.Forward(q, q, q, spans, 2, Masking.None, bias, default, y, lse);
        op.Backward(q, q, q, q, q, lse, spans, 2, Masking.None, bias, default, y, y, y, table, tensors.Empty("partials", new(0, 24)));
        Assert.Equal(-1, y.HostSpan<float>().IndexOfAnyExcept(3));
        Assert.Equal(-1, table.HostSpan<float>().IndexOfAnyExcept(1));
        Assert.True(tensors.GuardsAreIntact());
    }

    [Theory]
    [InlineData(0, 3, 0, 2, 0)]
    [InlineData(-1, 1, 0, 2, 0)]
    [InlineData(0, 0, 0, 2, 0)]
    [InlineData(0, 1, 2, 2, 0)]
    [InlineData(0, 1, 0, 0, 0)]
    [InlineData(0, 1, 0, 2, -1)]
    [InlineData(int.MaxValue, 2, 0, 2, 0)]
    public void Forward_WithASpanOutsideItsTensors_SaysWhichOne(int queryStart, int queryCount, int keyStart, int keyCount, int position)
    {
        using var pool = new ComputePool(1);
        using var tensors = new HostTensors(0);
        Tensor q = tensors.Random("q", new(2, 8)), k = tensors.Random("k", new(3, 8)), lse = tensors.Empty("logSumExp", new(2, 2));
        Tensor spans = tensors.From("spans", new(2, AttentionSpan.Fields),
            new[] { 0, 1, 0, 1, 0, 0, queryStart, queryCount, keyStart, keyCount, position, 0 });
        Attention op = Create(CpuIsa.Scalar, pool);
        var e = Assert.Throws<ArgumentException>(() => op.Forward(q, k, k, spans, 2, Masking.None, default, default, q, lse));
        Assert.Contains("attention.forward: 'spans' row 1", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 3, "rows 0 and 2", "q")]
    [InlineData(5, 3, "rows 1 and 2", "q")]
    [InlineData(2, 8, "rows 1 and 2", "k")]
    [InlineData(2, 1, "rows 0 and 2", "k")]
    public void Backward_OfSpansThatShareRows_NamesTensorAndSpans(int queryStart, int keyStart, string rows, string tensor)
    {
        using var pool = new ComputePool(2);
        using var problem = new AttentionProblem(3, WithSpanBetween(queryStart, keyStart), 2, 4, Masking.None, bidirectional: null, 0);
        var e = Assert.Throws<ArgumentException>(() => problem.ForwardAndBackward(Create(CpuIsa.Scalar, pool)));
        Assert.Contains($"attention.backward: 'spans' {rows} are", e.Message, StringComparison.Ordinal);
        Assert.Contains($"expected none that share rows of '{tensor}'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ForwardAndBackward_OfSpansInAnyOrder_AreWithinRounding()
    {
        AgreesWithTheOracle(2, new(3, WithSpanBetween(queryStart: 2, keyStart: 3), 2, 4, Masking.None, bidirectional: null, 0));
        AgreesWithTheOracle(2, new(3, [.. AttentionProblem.SelfSpans(3, 1, 5).Reverse()], 2, 4, Masking.None, bidirectional: null, 0));
    }

    /// <summary>Two spans with room for two queries and three keys between them, then one of that many.</summary>
    static AttentionSpan[] WithSpanBetween(int queryStart, int keyStart) =>
        [new(0, 2, 0, 3, 0, 0), new(4, 2, 6, 3, 0, 1), new(queryStart, 2, keyStart, 3, 0, 2)];

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(1f)]
    [InlineData(float.NaN)]
    public void ForwardAndBackward_AtAnImpossibleDropoutRate_NameIt(float rate)
    {
        using var pool = new ComputePool(1);
        using var problem = new AttentionProblem(11, AttentionProblem.SelfSpans(4), 2, 8, Masking.None, bidirectional: null, 0);
        Attention op = Create(CpuIsa.Scalar, pool);
        Tensor x = problem.Q, spans = problem.SpanTensor, lse = problem.Forward(op).LogSumExp;
        var site = new DropoutSite(rate, 1);
        string expected = $"expected a dropout rate of 0 to below 1, got {rate}";
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => op.Forward(x, x, x, spans, 2, Masking.None, default, site, x, lse)).Message);
        Assert.Contains(expected, Assert.Throws<ArgumentException>(
            () => op.Backward(x, x, x, x, x, lse, spans, 2, Masking.None, default, site, x, x, x, default, default)).Message);
    }

    [Fact]
    public void ForwardAndBackward_WithWrongShapes_NameOpAndTensor()
    {
        using var pool = new ComputePool(1);
        using var problem = new AttentionProblem(11, AttentionProblem.SelfSpans(4), 2, 8, Masking.None, bidirectional: true, 0);
        Attention op = Create(CpuIsa.Scalar, pool);
        Tensor x = problem.Q, spans = problem.SpanTensor, lse = problem.Forward(op).LogSumExp;
        void Fails(string expected, Action call) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);

        Fails("attention.forward: 'spans'", () => op.Forward(spans, x, x, spans, 2, Masking.None, default, default, x, lse));
        Fails("attention.forward: 'v'", () => op.Forward(x, x, problem.V.First(3), spans, 2, Masking.None, default, default, x, lse));
        Fails("attention.forward: 'logSumExp'", () => op.Forward(x, x, x, spans, 4, Masking.None, default, default, x, lse));
        Fails("attention.forward: expected a width divisible by 3 heads",
            () => op.Forward(x, x, x, spans, 3, Masking.None, default, default, x, lse));
        Fails("attention.backward: expected a table gradient",
            () => op.Backward(x, x, x, x, x, lse, spans, 2, Masking.None, problem.Bias, default, x, x, x, default, default));
    }

    static void AgreesWithTheOracle(int threads, AttentionProblem problem)
    {
        using var pool = new ComputePool(threads);
        AgreeWithTheOracle(problem, CpuIsas.Widths.Select(isa => ($"{isa}", Create(isa, pool))));
    }

    /// <summary>Every variant against the oracle, which is computed once.</summary>
    internal static void AgreeWithTheOracle(AttentionProblem problem, IEnumerable<(string Name, Attention Op)> variants)
    {
        using var owned = problem;
        double[] dy = AttentionProblem.Doubles(problem.Dy);
        var (y, logSumExp) = AttentionReference.Forward(problem.Inputs);
        var (dq, dk, dv, dTable) = AttentionReference.Backward(problem.Inputs, dy);
        double[] accumulated = Array.ConvertAll(dTable, g => g + 1);
        var bounds = new AttentionBounds(problem.Inputs, dy, y);
        foreach (var (name, op) in variants)
        {
            AttentionProblem.Results got = problem.ForwardAndBackward(op);
            string what = $"{name}, {problem.Heads} heads of {problem.HeadWidth}, {problem.Masking}";
            InsideSpans(got.Y, y, bounds.Y, $"y, {what}", problem.Spans, ofQueries: true);
            InsideSpans(got.LogSumExp, logSumExp, bounds.LogSumExp, $"logSumExp, {what}", problem.Spans, ofQueries: true);
            InsideSpans(got.Dq, dq, bounds.Dq, $"dq, {what}", problem.Spans, ofQueries: true);
            InsideSpans(got.Dk, dk, bounds.Dk, $"dk, {what}", problem.Spans, ofQueries: false);
            InsideSpans(got.Dv, dv, bounds.Dv, $"dv, {what}", problem.Spans, ofQueries: false);
            if (!problem.Bias.IsAbsent)
                Tolerance.AssertWithin(got.DTable.HostSpan<float>(), accumulated, bounds.DTable, $"dTable, {what}");
        }
        Assert.True(problem.GuardsAreIntact());
    }

    /// <summary>Compares the rows of spans; all others must still hold the NaN of a fresh tensor.</summary>
    static void InsideSpans(Tensor got, double[] expected, double[] bounds, string what, AttentionSpan[] spans, bool ofQueries)
    {
        int width = got.Shape.D1;
        bool[] inside = new bool[got.Shape.D0];
        foreach (AttentionSpan span in spans)
        {
            var (start, count) = ofQueries ? (span.QueryStart, span.QueryCount) : (span.KeyStart, span.KeyCount);
            Tolerance.AssertWithin(got.Rows(start, count).HostSpan<float>(), expected.AsSpan(start * width, count * width),
                bounds.AsSpan(start * width, count * width), $"{what}, {span}");
            inside.AsSpan(start, count).Fill(true);
        }
        for (int row = 0; row < inside.Length; row++)
            if (!inside[row]) Assert.Equal(-1, Bits(got.Rows(row, 1)).IndexOfAnyExcept(-1));
    }

    static void SameBits(AttentionProblem.Results expected, AttentionProblem.Results got)
    {
        Assert.Equal(Bits(expected.Y), Bits(got.Y));
        Assert.Equal(Bits(expected.LogSumExp), Bits(got.LogSumExp));
        Assert.Equal(Numbers(expected.Dq), Numbers(got.Dq));
        Assert.Equal(Bits(expected.Dk), Bits(got.Dk));
        Assert.Equal(Bits(expected.Dv), Bits(got.Dv));
        Assert.Equal(Bits(expected.DTable), Bits(got.DTable));
    }

    static ReadOnlySpan<int> Bits(Tensor x) => System.Runtime.InteropServices.MemoryMarshal.Cast<float, int>(x.HostSpan<float>());

    /// <summary>Rows of spans alone: the others keep the NaN of whatever the tensor held before.</summary>
    static float[] Numbers(Tensor x) => [.. x.HostSpan<float>().ToArray().Where(float.IsFinite)];

    internal static Attention Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<Attention>(isa,
        () => new AttentionCpu<F32x1>(pool), () => new AttentionCpu<F32x4>(pool),
        () => new AttentionCpu<F32x8>(pool), () => new AttentionCpu<F32x16>(pool));
}
