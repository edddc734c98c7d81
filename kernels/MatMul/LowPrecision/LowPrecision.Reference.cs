using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>The oracle of packed weights: what their numbers are worth, one by one.</summary>
public static class LowPrecisionReference
{
    /// <summary>float64 [outputs, inputs] of a packed weight in host memory; exact.</summary>
    public static double[] Values(PackedWeight weight)
    {
        ReadOnlySpan<byte> data = weight.Data.HostSpan<byte>();
        var values = new double[weight.Outputs * weight.Inputs];
        for (int output = 0; output < weight.Outputs; output++)
            for (int input = 0; input < weight.Inputs; input++)
                values[output * weight.Inputs + input] = Value(weight, data, output, input);
        return values;
    }

    static double Value(PackedWeight weight, ReadOnlySpan<byte> data, int output, int input)
    {
        int group = output / PackedWeight.GroupOutputs, lane = output % PackedWeight.GroupOutputs;
        int pair = input / 2 * PackedWeight.GroupOutputs + lane, start = group * weight.Data.Shape.D1;
        switch (weight.Form)
        {
            case WeightForm.BF16:
                return WeightPacker.FromBF16(BitConverter.ToUInt16(data[(start + 4 * pair + 2 * (input % 2))..]));
            case WeightForm.Int8:
                return (double)(sbyte)data[start + 2 * pair + input % 2] * weight.Scales.HostSpan<float>()[output];
            default:
                uint word = BitConverter.ToUInt32(data[(start + 4 * (input / 8 * PackedWeight.GroupOutputs + lane))..]);
                int number = (int)(word >> (4 * (input % 8 / 2) + 16 * (input % 2)) & 15) - 8;
                int scale = group * weight.Scales.Shape.D1 + input / PackedWeight.BlockInputs * PackedWeight.GroupOutputs + lane;
                return number * (double)WeightPacker.FromBF16(weight.Scales.HostSpan<ushort>()[scale]);
        }
    }

    /// <summary>
    /// Greatest error of one element of y = x Wᵀ beside that of float32 sums: each input is rounded to half of its row's step.
    /// </summary>
    /// <param name="greatest">Greatest magnitude of the row of x.</param>
    /// <param name="weightSum">Σ |w| of the output.</param>
    public static double RoundingError(WeightForm form, int inputs, double greatest, double weightSum)
    {
        if (form == WeightForm.BF16) return 0;
        long padded = PackedWeight.PaddedInputs(form, inputs);
        double limit = form == WeightForm.Int8 ? Math.Min(short.MaxValue, int.MaxValue / (127 * padded)) : short.MaxValue;
        return greatest / limit / 2 * weightSum;
    }
}
