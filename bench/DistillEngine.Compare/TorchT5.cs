using DistillEngine.Kernels;
using DistillEngine.Model;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace DistillEngine.Compare;

/// <summary>T5 v1.1 in eager libtorch, op by op as Hugging Face's modeling_t5 has it, over batches of equal lengths, which need no padding.</summary>
/// <param name="type">Type of the products; norms, softmax and loss compute in float32.</param>
sealed class TorchT5(T5Config config, TorchWeights weights, ScalarType type, double dropout) : IDisposable
{
    readonly Tensor _encoderBuckets = Buckets(config, bidirectional: true), _decoderBuckets = Buckets(config, bidirectional: false);

    int Layers => config.DecoderLayers;

    /// <param name="ids">int64 [rows, length].</param>
    /// <returns>[rows, length, dModel].</returns>
    public Tensor Encode(Tensor ids)
    {
        long length = ids.shape[1];
        Tensor bias = Bias("encoder", _encoderBuckets, 0, length, length), x = Drop(weights.Rows("shared", ids).to(type));
        for (int i = 0; i < config.EncoderLayers; i++)
        {
            Tensor h = Norm(x, $"encoder.block.{i}.layer.0.layer_norm");
            string name = $"encoder.block.{i}.layer.0.SelfAttention";
            x = x + Drop(Attend(Heads(h, $"{name}.q"), Heads(h, $"{name}.k"), Heads(h, $"{name}.v"), bias, name));
            x = FeedForward(x, $"encoder.block.{i}.layer.1");
        }
        return Drop(Norm(x, "encoder.final_layer_norm"));
    }

    /// <summary>Mean loss of the targets.</summary>
    /// <param name="source">int64 [rows, source length].</param>
    /// <param name="inputs">int64 [rows, target length]: the labels shifted right behind the start id.</param>
    /// <param name="labels">int64 [rows, target length].</param>
    public Tensor Loss(Tensor source, Tensor inputs, Tensor labels)
    {
        Tensor logits = Logits(Decode(inputs, new DecoderState(this, Encode(source), keeps: false)));
        return F.cross_entropy(logits.flatten(0, 1).to(ScalarType.Float32), labels.flatten());
    }

    /// <summary>Decodes greedily; the end token is never chosen.</summary>
    /// <param name="source">int64 [rows, source length].</param>
    /// <returns>int64 [rows, tokens].</returns>
    public Tensor Generate(Tensor source, int tokens)
    {
        var state = new DecoderState(this, Encode(source), keeps: true);
        Tensor next = full([source.shape[0], 1], config.DecoderStartId, ScalarType.Int64);
        var chosen = new List<Tensor>();
        for (int t = 0; t < tokens; t++)
        {
            Tensor logits = Logits(Decode(next, state)).to(ScalarType.Float32);
            logits[TensorIndex.Ellipsis, config.EosId] = float.NegativeInfinity;
            next = logits.argmax(2);
            chosen.Add(next);
        }
        return cat(chosen, 1);
    }

    public void Dispose()
    {
        _encoderBuckets.Dispose();
        _decoderBuckets.Dispose();
    }

    Tensor Decode(Tensor ids, DecoderState state)
    {
        long length = ids.shape[1], keys = state.Position + length;
        Tensor bias = Bias("decoder", _decoderBuckets, state.Position, length, keys), x = Drop(weights.Rows("shared", ids).to(type));
        if (length > 1) bias = bias + full([length, keys], float.NegativeInfinity, ScalarType.Float32).triu(state.Position + 1);
        for (int i = 0; i < config.DecoderLayers; i++)
        {
            string self = $"decoder.block.{i}.layer.0.SelfAttention", cross = $"decoder.block.{i}.layer.1.EncDecAttention";
            Tensor h = Norm(x, $"decoder.block.{i}.layer.0.layer_norm");
            var (k, v) = state.Append(i, Heads(h, $"{self}.k"), Heads(h, $"{self}.v"));
            x = x + Drop(Attend(Heads(h, $"{self}.q"), k, v, bias, self));
            h = Norm(x, $"decoder.block.{i}.layer.1.layer_norm");
            x = x + Drop(Attend(Heads(h, $"{cross}.q"), state.CrossKeys[i], state.CrossValues[i], null, cross));
            x = FeedForward(x, $"decoder.block.{i}.layer.2");
        }
        state.Position = keys;
        return Drop(Norm(x, "decoder.final_layer_norm"));
    }

    Tensor FeedForward(Tensor x, string prefix)
    {
        Tensor h = Norm(x, $"{prefix}.layer_norm");
        Tensor gate = F.gelu(Linear(h, $"{prefix}.DenseReluDense.wi_0"), TorchSharp.Modules.GELU.Approximate.tanh);
        return x + Drop(Linear(Drop(gate * Linear(h, $"{prefix}.DenseReluDense.wi_1")), $"{prefix}.DenseReluDense.wo"));
    }

    Tensor Attend(Tensor q, Tensor k, Tensor v, Tensor? bias, string name)
    {
        Tensor scores = matmul(q, k.transpose(2, 3)).to(ScalarType.Float32);
        if (bias is not null) scores = scores + bias;
        Tensor context = matmul(Drop(F.softmax(scores, 3)).to(type), v).transpose(1, 2).flatten(2);
        return Linear(context, $"{name}.o");
    }

    Tensor Heads(Tensor x, string name) => Linear(x, name).unflatten(2, [config.Heads, config.DKv]).transpose(1, 2);

    Tensor Linear(Tensor x, string name) => F.linear(x.to(type), weights[name].to(type));

    Tensor Logits(Tensor states) => Linear(states, "lm_head");

    Tensor Norm(Tensor x, string name)
    {
        Tensor wide = x.to(ScalarType.Float32);
        return (weights[name] * (wide * rsqrt(wide.pow(2).mean([2], keepdim: true) + config.Epsilon))).to(type);
    }

    Tensor Drop(Tensor x) => dropout > 0 ? F.dropout(x, dropout, training: true) : x;

    /// <summary>float32 [1, heads, queries, keys].</summary>
    Tensor Bias(string stack, Tensor buckets, long firstQuery, long queries, long keys)
    {
        long reach = (buckets.shape[0] - 1) / 2;
        Tensor distance = arange(keys).unsqueeze(0) - (arange(queries) + firstQuery).unsqueeze(1);
        Tensor bucket = buckets[distance.clamp(-reach, reach) + reach];
        return weights.Rows($"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias", bucket).to(ScalarType.Float32).permute(2, 0, 1).unsqueeze(0);
    }

    static Tensor Buckets(T5Config config, bool bidirectional) =>
        tensor(RelativePositionBuckets.Build(bidirectional, config.RelativeBuckets, config.RelativeMaxDistance)).to(ScalarType.Int64).DetachFromDisposeScope();

    /// <summary>What the decoder remembers: the source's keys and values, and those of earlier tokens while generating.</summary>
    sealed class DecoderState
    {
        readonly Tensor?[] _keys, _values;
        readonly bool _keeps;

        public DecoderState(TorchT5 model, Tensor encoded, bool keeps)
        {
            int layers = model.Layers;
            (_keeps, _keys, _values) = (keeps, new Tensor?[layers], new Tensor?[layers]);
            CrossKeys = [.. Enumerable.Range(0, layers).Select(i => model.Heads(encoded, $"decoder.block.{i}.layer.1.EncDecAttention.k"))];
            CrossValues = [.. Enumerable.Range(0, layers).Select(i => model.Heads(encoded, $"decoder.block.{i}.layer.1.EncDecAttention.v"))];
        }

        public long Position { get; set; }
        public Tensor[] CrossKeys { get; }
        public Tensor[] CrossValues { get; }

        public (Tensor Keys, Tensor Values) Append(int layer, Tensor k, Tensor v)
        {
            if (!_keeps) return (k, v);
            _keys[layer] = _keys[layer] is { } keys ? cat([keys, k], 2) : k;
            _values[layer] = _values[layer] is { } values ? cat([values, v], 2) : v;
            return (_keys[layer]!, _values[layer]!);
        }
    }
}
