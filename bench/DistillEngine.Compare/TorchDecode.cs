using DistillEngine.Core;
using DistillEngine.Model;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace DistillEngine.Compare;

/// <summary>Greedy generation in libtorch with cached keys and values.</summary>
sealed class TorchDecode : IDisposable
{
    readonly TorchWeights _weights;
    readonly TorchT5 _model;
    readonly Tensor _source;
    readonly int _tokens;

    public TorchDecode(T5Model model, Batch batch, int tokens, ScalarType type)
    {
        _weights = new TorchWeights(model, training: false);
        if (type != ScalarType.Float32) _weights.Convert(type);
        _model = new TorchT5(model.Config, _weights, type, dropout: 0);
        _source = TorchStep.Ids([.. Enumerable.Range(0, batch.SequenceCount)], batch.SourceIds, batch.SourceStarts);
        _tokens = tokens;
    }

    /// <returns>The chosen ids, [sequences, tokens] row-major.</returns>
    public long[] Generate()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return _model.Generate(_source, _tokens).data<long>().ToArray();
    }

    public void Dispose()
    {
        _source.Dispose();
        _model.Dispose();
        _weights.Dispose();
    }
}
