using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>A forward and a backward on random data, with the products of exact and of rounded operands in double.</summary>
sealed class RoundedProduct : IDisposable
{
    readonly HostTensors _host;
    readonly int _rows, _inputs, _outputs, _manyRows, _manyInputs;
    readonly ComputePrecision _precision;
    readonly Into _into;
    readonly Weight _weight;
    readonly Tensor _x, _w, _dy, _y, _dx, _dWeight;
    readonly double[] _oldY, _oldDx, _oldDWeight;

    /// <param name="manyRows">Rows of a forward product from which on it rounds its operands.</param>
    /// <param name="manyInputs">Likewise inputs.</param>
    public RoundedProduct(int rows, int inputs, int outputs, Into into, ComputePrecision precision, int manyRows, int manyInputs = 1)
    {
        _host = new HostTensors(seed: rows * 10_000 + inputs * 100 + outputs);
        (_rows, _inputs, _outputs, _into, _precision, _manyRows, _manyInputs) = (rows, inputs, outputs, into, precision, manyRows, manyInputs);
        (_x, _w, _dy) = (_host.Random("x", new(rows, inputs)), _host.Random("w", new(outputs, inputs)), _host.Random("dy", new(rows, outputs)));
        _weight = new Weight(_w);
        // Overwrite must not read what was there, which is NaN.
        bool adds = into == Into.Add;
        _y = adds ? _host.Random("y", new(rows, outputs)) : _host.Empty("y", new(rows, outputs));
        _dx = adds ? _host.Random("dx", new(rows, inputs)) : _host.Empty("dx", new(rows, inputs));
        _dWeight = adds ? _host.Random("dWeight", new(outputs, inputs)) : _host.Filled("dWeight", new(outputs, inputs), 0);
        (_oldY, _oldDx, _oldDWeight) = (Doubles(_y), Doubles(_dx), Doubles(_dWeight));
    }

    /// <summary>Whether sums are a device's tensor cores', which truncate.</summary>
    public bool SumsAreTruncated { get; init; }

    /// <summary>Whether operands may also stay as they are, as a library sees fit.</summary>
    public bool RoundingIsOptional { get; init; }

    public float[][] Results => [_y.HostSpan<float>().ToArray(), _dx.HostSpan<float>().ToArray(), _dWeight.HostSpan<float>().ToArray()];

    /// <summary>Replaces every operand.</summary>
    public void Round(Func<float, float> change)
    {
        foreach (Tensor operand in new[] { _x, _w, _dy })
            foreach (ref float value in operand.HostSpan<float>()) value = change(value);
    }

    public void Run(MatMul op)
    {
        op.Forward(_x, _weight, _into, _y);
        op.Backward(_dy, _x, _weight, _into, _dx, _dWeight);
    }

    public void AssertEqualsExactly()
    {
        double[][] products = Products(Doubles(_x), Doubles(_w), Doubles(_dy));
        Assert.Equal(products, Results.Select(result => Array.ConvertAll(result, value => (double)value)));
    }

    /// <summary>Of rounded operands only the sums differ; from exact ones each product differs by both roundings, too.</summary>
    public void AssertEqualsOracle(string what)
    {
        double product = _precision == ComputePrecision.Tf32 ? Tolerance.Tf32Product : Tolerance.Bf16Product;
        double[] x = Doubles(_x), w = Doubles(_w), dy = Doubles(_dy);
        double[][] exact = Products(x, w, dy), sizes = Products(MatMulReference.Magnitudes(x), MatMulReference.Magnitudes(w), MatMulReference.Magnitudes(dy));
        double[][] rounded = Products(Rounded(_x), Rounded(_w), Rounded(_dy));
        // Few rows and few inputs are multiplied in float32.
        if (_rows < _manyRows || _inputs < _manyInputs) rounded[0] = exact[0];
        (Tensor Got, double[] Old, int Terms, string Name)[] results = [(_y, _oldY, _inputs, "y"), (_dx, _oldDx, _outputs, "dx"),
            (_dWeight, _oldDWeight, _rows, "dWeight")];
        for (int i = 0; i < results.Length; i++)
        {
            var (got, old, terms, name) = results[i];
            bool adds = _into == Into.Add || name == "dWeight";
            double[] sums = [.. sizes[i].Select((size, at) => (SumsAreTruncated ? Tolerance.TruncatedSum(terms) : Tolerance.Sum(terms)) * Tolerance.Epsilon
                * ((1 + product) * size + (adds ? Math.Abs(old[at]) : 0)))];
            if (!RoundingIsOptional)
                Tolerance.AssertWithin(got.HostSpan<float>(), [.. rounded[i].Select((p, at) => p + (adds ? old[at] : 0))], sums,
                    $"{name} of {what}, rounded operands");
            Tolerance.AssertWithin(got.HostSpan<float>(), [.. exact[i].Select((p, at) => p + (adds ? old[at] : 0))],
                [.. sums.Select((sum, at) => sum + product * sizes[i][at])], $"{name} of {what}");
        }
        Assert.True(_host.GuardsAreIntact(), what);
    }

    public void Dispose() => _host.Dispose();

    double[][] Products(double[] x, double[] w, double[] dy) =>
    [
        MatMulReference.Forward(x, w, _rows, _inputs, _outputs), MatMulReference.BackwardInput(dy, w, _rows, _inputs, _outputs),
        MatMulReference.BackwardWeight(dy, x, _rows, _inputs, _outputs),
    ];

    double[] Rounded(Tensor tensor) => Array.ConvertAll(tensor.HostSpan<float>().ToArray(), value => (double)BitConverter.UInt32BitsToSingle(
        _precision == ComputePrecision.Tf32 ? BitConverter.SingleToUInt32Bits(value) + 0x1000 & 0xFFFF_E000 : Bf16.Round(value) & 0xFFFF_0000));

    static double[] Doubles(Tensor tensor) => Array.ConvertAll(tensor.HostSpan<float>().ToArray(), value => (double)value);
}
