using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Model;

/// <summary>Keys and values of decoded tokens per sequence, and of the sources, once for all tokens.</summary>
sealed class KvCache : IDisposable
{
    readonly DeviceBuffer _buffer;
    readonly T5Config _config;
    readonly DType _type;
    readonly int _selfRows, _sourceRows;

    /// <param name="sequences">Most sequences decoded at a time.</param>
    /// <param name="capacity">Most tokens of one, the start token included.</param>
    /// <param name="sourceRows">Most source tokens of all.</param>
    /// <param name="type">Of all that is kept: float32, or bfloat16 where the device has such keys and values.</param>
    public KvCache(T5Config config, int sequences, int capacity, int sourceRows, IDevice device, DType type = DType.F32)
    {
        (_config, Capacity, _selfRows, _sourceRows, _type) = (config, capacity, checked(sequences * capacity), sourceRows, type);
        _buffer = device.Allocate(ByteLength(config, sequences, capacity, sourceRows, type), "key and value cache");
    }

    /// <summary>Tokens of one sequence that fit; sequence s owns rows s · capacity onwards.</summary>
    public int Capacity { get; }

    /// <summary>int32 [active rows]: where the rows of this step's tokens go.</summary>
    public Tensor AppendRows { get; set; }

    /// <summary>Whether what is computed in float32 is rounded on its way into the cache.</summary>
    public bool IsRounded => _type != DType.F32;

    public static long ByteLength(T5Config config, int sequences, int capacity, int sourceRows, DType type = DType.F32) =>
        2L * type.SizeInBytes() * config.DecoderLayers * config.InnerWidth * ((long)sequences * capacity + sourceRows);

    /// <summary>Stores the new rows and gives all rows of the layer so far.</summary>
    public (Tensor Keys, Tensor Values) Append(KernelSet ops, int layer, Tensor k, Tensor v)
    {
        Tensor keys = Part(layer, 0, "keys"), values = Part(layer, 1, "values");
        ops.RowScatter.Forward(k, AppendRows, keys);
        ops.RowScatter.Forward(v, AppendRows, values);
        return (keys, values);
    }

    public Tensor CrossKeys(int layer) => CrossPart(layer, 0, "cross keys");

    public Tensor CrossValues(int layer) => CrossPart(layer, 1, "cross values");

    public void Dispose() => _buffer.Dispose();

    long LayerElements => 2L * _config.InnerWidth * (_selfRows + (long)_sourceRows);

    Tensor Part(int layer, int part, string name) =>
        new(_buffer, layer * LayerElements + (long)part * _selfRows * _config.InnerWidth, new(_selfRows, _config.InnerWidth), _type, name);

    Tensor CrossPart(int layer, int part, string name) =>
        new(_buffer, layer * LayerElements + _config.InnerWidth * (2L * _selfRows + (long)part * _sourceRows),
            new(_sourceRows, _config.InnerWidth), _type, name);
}
