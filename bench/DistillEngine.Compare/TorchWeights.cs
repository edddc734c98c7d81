using DistillEngine.Core;
using DistillEngine.Model;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace DistillEngine.Compare;

/// <summary>The parameters of one of our models as libtorch's, so that both compute the same.</summary>
sealed class TorchWeights : IDisposable
{
    readonly Dictionary<string, Parameter> _values = [];

    /// <param name="training">Whether gradients will be asked for.</param>
    public TorchWeights(T5Model model, bool training)
    {
        for (int i = 0; i < model.Parameters.Specs.Count; i++)
        {
            ParameterSpec spec = model.Parameters.Specs[i];
            float[] host = new float[spec.Shape.Count];
            model.Backend.Download(model.Parameters.Value(new(i)), host.AsSpan());
            long[] shape = spec.IsVector ? [spec.Shape.Count] : [spec.Shape.D0, spec.Shape.D1];
            _values[spec.Name] = new Parameter(tensor(host, shape), requires_grad: training);
        }
    }

    public IEnumerable<Parameter> All => _values.Values;

    public Tensor this[string name] => _values[$"{name}.weight"];

    /// <summary>Rounds all matrices for decoding in another type; norms keep theirs.</summary>
    public void Convert(ScalarType type)
    {
        foreach (var (name, value) in _values.ToList())
        {
            if (value.dim() < 2) continue;
            _values[name] = new Parameter(value.to(type), requires_grad: false);
            value.Dispose();
        }
    }

    /// <summary>Rows of an embedding.</summary>
    public Tensor Rows(string name, Tensor ids) => this[name].index_select(0, ids.flatten()).view([.. ids.shape, this[name].shape[1]]);

    public void Dispose()
    {
        foreach (Parameter value in _values.Values) value.Dispose();
    }
}
