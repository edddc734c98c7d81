using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Benchmarks;

/// <summary>A greedy generation from random sources, ready to run, forced to its number of tokens.</summary>
public sealed class DecodeBench : IDisposable
{
    readonly DecodeBenchOptions _options;
    readonly IBackend _backend;
    readonly T5Model _model;
    readonly GreedyGenerator _generator;
    readonly GenerationOptions _generation;
    readonly int[] _sequences, _lengths;

    /// <exception cref="InvalidDataException">The model is neither a preset nor a usable folder.</exception>
    /// <exception cref="InsufficientMemoryException">The machine has less memory free than the generation needs.</exception>
    public DecodeBench(DecodeBenchOptions options, IBackend backend)
    {
        _options = options;
        _backend = backend;
        T5Config config = BenchModel.Config(options.Model);
        Batch = RandomBatch(options, config);
        (_sequences, _lengths) = (new int[BenchModel.Tokens(options.Batch, 1L + options.Tokens)], new int[options.Batch]);
        WeightForm form = T5Model.FormForGeneration(backend, options.Weights);
        BenchModel.RequireMemory(T5Model.Measure(config, Batch.Limits, training: false, form).Total
            + GreedyGenerator.ByteLength(config, options.Batch, options.Tokens, Batch.Limits.MaxSourceTokens, options.Cache), backend);
        _model = new T5Model(config, Batch.Limits, backend, training: false, form);
        BenchModel.Fill(_model, options.Model);
        _generator = new GreedyGenerator(_model, options.Tokens, options.Cache);
        _generation = new GenerationOptions { MaxNewTokens = options.Tokens, MinNewTokens = options.Tokens, CacheType = options.Cache };
    }

    public T5Model Model => _model;

    public T5Config Config => _model.Config;

    /// <summary>The sources.</summary>
    public Batch Batch { get; }

    /// <summary>Sources of random tokens, without targets.</summary>
    public static Batch RandomBatch(DecodeBenchOptions options, T5Config config)
    {
        // One target row a sequence: the token that a step decodes.
        var batch = new Batch(new BatchLimits(options.Batch, BenchModel.Tokens(options.Batch, options.Source), options.Batch, options.Source, 1));
        var random = new Random(BenchModel.Seed);
        for (int row = 0; row < options.Batch; row++) BenchModel.AddRandom(batch, random, config, options.Source, 0, TaskKind.Label);
        return batch;
    }

    /// <summary>Generates once.</summary>
    /// <returns>int [sequences, 1 + tokens]: the start token and the chosen ids; valid until the next call.</returns>
    public ReadOnlySpan<int> Generate()
    {
        _generator.Generate(Batch, _generation, _sequences, _lengths);
        return _sequences;
    }

    /// <summary>Times some generations after a warm-up.</summary>
    /// <param name="warm">Called when the warm-up is over.</param>
    /// <param name="lengthy">Told how many generations are measured and how long they will take, if that is long.</param>
    /// <exception cref="OperationCanceledException">Between two generations.</exception>
    public DecodeBenchResult Run(CancellationToken cancel, Action? warm = null, Action<int, TimeSpan>? lengthy = null)
    {
        List<double> times = [];
        RunConditions conditions = Repetition.Run(() => Generate(), times.Add, _backend, warm, lengthy, cancel);
        return new(times.Count, Timing.Of(times), _options.Batch, _options.Tokens,
            DecodeWork.Of(Config, Batch, _options.Tokens, _options.Weights, _options.Cache), conditions);
    }

    public void Dispose()
    {
        _generator.Dispose();
        _model.Dispose();
    }
}
