using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Bench;

/// <summary>Greedy decoding with T5 v1.1 small: sources of 64 tokens, 32 new ones, none ending early.</summary>
public class DecodeBenchmark : OpBenchmark
{
    const int SourceLength = 64, NewTokens = 32;

    static readonly GenerationOptions Options = new() { MaxNewTokens = NewTokens, MinNewTokens = NewTokens };

    T5Model _model = null!;
    GreedyGenerator _generator = null!;
    Batch _batch = null!;
    int[] _sequences = [], _lengths = [];

    [Params(1, 8, 32)]
    public int Batch { get; set; }

    [Params(WeightForm.F32, WeightForm.BF16, WeightForm.Int8, WeightForm.Int4)]
    public WeightForm Weights { get; set; }

    static T5Config Config => T5Presets.Find("v1.1-small")!;

    [GlobalSetup]
    public void Setup()
    {
        BatchLimits limits = BatchLimits.Full(Batch, SourceLength, 1);
        _model = new T5Model(Config, limits, Backend, training: false, Weights);
        _model.Initialize(1);
        _generator = new GreedyGenerator(_model, NewTokens);
        _batch = new Batch(limits);
        int[] source = [.. Enumerable.Range(0, SourceLength).Select(i => 3 + i * 7919 % 32_000)];
        for (int row = 0; row < Batch; row++) _batch.Add(source, [], TaskKind.Label, 1, row);
        (_sequences, _lengths) = (new int[Batch * (1 + NewTokens)], new int[Batch]);
    }

    [Benchmark]
    public void Greedy() => _generator.Generate(_batch, Options, _sequences, _lengths);

    protected override void Release()
    {
        _generator?.Dispose();
        _model?.Dispose();
    }

    /// <summary>Each token reads every weight of the decoder and the head once; the encoder's, read once a run, are left out of the bytes.</summary>
    public override Cost CostOf(string benchmark)
    {
        T5Config c = Config;
        long attention = 4L * c.DModel * c.InnerWidth, feedForward = 3L * c.DModel * c.DFeedForward;
        long decoder = c.DecoderLayers * (attention + attention / 2 + feedForward) + (long)c.DModel * c.VocabularySize;
        long encoder = c.EncoderLayers * (attention + feedForward) + c.DecoderLayers * attention / 2;
        return new(2 * Batch * (NewTokens * decoder + SourceLength * encoder), NewTokens * T5Model.BytesPerToken(c, Weights));
    }
}
