using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Model;

/// <summary>
/// Greedy decoding of a batch, token by token, with cached keys and values. The device chooses the tokens, so that a step waits once, for the
/// chosen ids. A sequence that has ended leaves the batch. All memory is taken in the constructor.
/// </summary>
public sealed class GreedyGenerator : IDisposable
{
    readonly T5Model _model;
    readonly KvCache _cache;
    readonly DeviceBuffer _logitsBuffer, _idsBuffer;
    readonly int[] _tokens, _active, _history;

    /// <param name="model">Any model; its limits bound the sources, and the sequences by its target rows.</param>
    /// <param name="maxNewTokens">Most tokens of any later call.</param>
    /// <param name="cacheType">How keys and values are kept, in any later call.</param>
    /// <exception cref="ArgumentException">The device keeps them in float32 alone, or the ids of so many tokens fit no array.</exception>
    /// <exception cref="InsufficientMemoryException">The device refuses the memory; none is kept.</exception>
    public GreedyGenerator(T5Model model, int maxNewTokens, DType cacheType = DType.F32)
    {
        KernelSet ops = model.Backend.Kernels;
        if (!ops.Attention.Supports(cacheType) || !ops.RowScatter.Supports(cacheType))
            throw new ArgumentException($"{model.Backend.Name} keeps no keys and values in {cacheType}; take float32 or the CPU.", nameof(cacheType));
        int sequences = Math.Min(model.Limits.MaxSequences, model.Limits.MaxTargetTokens);
        RequireIndexable(sequences, maxNewTokens);
        _model = model;
        (MaxNewTokens, CacheType) = (maxNewTokens, cacheType);
        _tokens = new int[sequences];
        _active = new int[sequences];
        _history = new int[sequences * maxNewTokens];
        try
        {
            _cache = new KvCache(model.Config, sequences, maxNewTokens, model.Limits.MaxSourceTokens, model.Backend, cacheType);
            _logitsBuffer = model.Backend.Allocate(sizeof(float) * (long)sequences * model.Config.VocabularySize, "logits");
            _idsBuffer = model.Backend.Allocate(IdBytes(sequences, maxNewTokens), "generated ids");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int MaxNewTokens { get; }

    /// <summary>How keys and values are kept.</summary>
    public DType CacheType { get; }

    /// <summary>Bytes that decoding takes beside the model.</summary>
    public static long ByteLength(T5Config config, int sequences, int maxNewTokens, int maxSourceTokens, DType cacheType = DType.F32) =>
        KvCache.ByteLength(config, sequences, maxNewTokens, maxSourceTokens, cacheType) + sizeof(float) * (long)sequences * config.VocabularySize
        + IdBytes(sequences, maxNewTokens);

    /// <summary>Rejects lengths whose ids, start tokens included, are more than one array holds.</summary>
    /// <exception cref="ArgumentException">There is no new token, or they are too many.</exception>
    public static void RequireIndexable(int sequences, int maxNewTokens)
    {
        if (maxNewTokens < 1) throw new ArgumentException($"max new tokens is {maxNewTokens}, expected at least 1.", nameof(maxNewTokens));
        long most = Array.MaxLength / sequences - 1;
        if (maxNewTokens > most)
            throw new ArgumentException($"max new tokens is {maxNewTokens}, expected at most {most} for {sequences} sequences at a time; "
                + "decode fewer tokens or fewer sequences at a time.", nameof(maxNewTokens));
    }

    /// <summary>Decodes every source of a batch; its targets are not looked at.</summary>
    /// <param name="sequences">int [sequences, 1 + MaxNewTokens] row-major: start token, chosen ids with <c>&lt;/s&gt;</c>, then padding.</param>
    /// <param name="lengths">int [sequences]: ids of each, start token included.</param>
    /// <param name="cancel">Looked at before every token.</param>
    /// <exception cref="ArgumentException">An option is out of range or a destination too small.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; the destinations hold what was decoded.</exception>
    public void Generate(Batch batch, GenerationOptions options, Span<int> sequences, Span<int> lengths, CancellationToken cancel = default)
    {
        options.Validate();
        int count = batch.SequenceCount, stride = 1 + options.MaxNewTokens;
        Check.That(options.MaxNewTokens <= MaxNewTokens, "generate", $"at most {MaxNewTokens} new tokens, as the generator was built for");
        Check.That(options.CacheType == CacheType, "generate", $"keys and values in {CacheType}, as the generator was built for");
        Check.That(count <= _active.Length, "generate", $"at most {_active.Length} sequences, as the model was built for");
        Check.That(sequences.Length >= count * stride && lengths.Length >= count, "generate", "room for all sequences");
        sequences[..(count * stride)].Fill(_model.Config.PadId);
        for (int s = 0; s < count; s++)
        {
            sequences[s * stride] = _model.Config.DecoderStartId;
            (lengths[s], _active[s]) = (1, s);
        }
        _model.Encode(batch, DropoutSettings.Off);
        _model.BeginDecoding(_cache);
        var rules = new NextTokenRules(options.RepetitionPenalty, options.NoRepeatNgramSize, options.MinNewTokens, _model.Config.EosId, options.VocabularySize);
        for (int position = 0; position < options.MaxNewTokens && count > 0; position++)
        {
            cancel.ThrowIfCancellationRequested();
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<int> sequence = sequences.Slice(_active[i] * stride, position + 1);
                _tokens[i] = sequence[position];
                sequence.CopyTo(_history.AsSpan(i * sequence.Length));
            }
            ChooseNext(Logits(batch, count, position), position + 1, rules);
            int remaining = 0;
            for (int i = 0; i < count; i++)
            {
                int s = _active[i];
                sequences[s * stride + position + 1] = _tokens[i];
                lengths[s]++;
                if (_tokens[i] != _model.Config.EosId) _active[remaining++] = s;
            }
            count = remaining;
        }
    }

    public void Dispose()
    {
        _cache?.Dispose();
        _logitsBuffer?.Dispose();
        _idsBuffer?.Dispose();
    }

    /// <summary>Replaces the tokens by the next ones of their sequences.</summary>
    /// <param name="length">Ids that each has so far, packed in the history.</param>
    void ChooseNext(Tensor logits, int length, in NextTokenRules rules)
    {
        int count = logits.Shape.D0;
        var ids = new Tensor(_idsBuffer, 0, new(count), DType.I32, "next tokens");
        var history = new Tensor(_idsBuffer, _active.Length, new(count, length), DType.I32, "ids so far");
        _model.Backend.Upload<int>(_history.AsSpan(0, count * length), history);
        _model.Backend.Kernels.NextToken.Choose(logits, history, rules, ids);
        _model.Backend.Download(ids, _tokens.AsSpan(0, count));
    }

    Tensor Logits(Batch batch, int count, int position)
    {
        Tensor states = _model.DecodeStep(batch, _tokens.AsSpan(0, count), _active.AsSpan(0, count), position, _cache);
        var logits = new Tensor(_logitsBuffer, 0, new(count, _model.Config.VocabularySize), DType.F32, "logits");
        _model.UnscaledLogits(states, logits);
        return logits;
    }

    /// <summary>One next token and all ids before it of every sequence.</summary>
    static long IdBytes(int sequences, int maxNewTokens) => sizeof(int) * (long)sequences * (1L + maxNewTokens);
}
