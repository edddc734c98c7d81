using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>The oracle of packed weights: what their numbers are worth, one by one.</summary>
public static class PackedReference
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

    /// <summary>The same with the remainders of whole numbers.</summary>
    public static double[] FineValues(PackedWeight weight)
    {
        double[] values = Values(weight);
        ReadOnlySpan<sbyte> remainders = weight.Remainders.HostSpan<sbyte>();
        for (int output = 0; output < weight.Outputs; output++)
            for (int input = 0; input < weight.Inputs; input++)
                values[output * weight.Inputs + input] +=
                    remainders[output * weight.Inputs + input] * Scale(weight, output, input) / PackedWeight.RemainderUnits;
        return values;
    }

    static double Value(PackedWeight weight, ReadOnlySpan<byte> data, int output, int input)
    {
        int group = output / PackedWeight.GroupOutputs, lane = output % PackedWeight.GroupOutputs;
        int start = group * weight.Data.Shape.D1;
        int Word(int inputsOfAStep) => start + 4 * (input / inputsOfAStep * PackedWeight.GroupOutputs + lane);
        switch (weight.Form)
        {
            case WeightForm.PackedF32:
                return BitConverter.ToSingle(data[Word(1)..]);
            case WeightForm.BF16:
                return WeightPacker.FromBF16(BitConverter.ToUInt16(data[(Word(2) + 2 * (input % 2))..]));
            case WeightForm.Int8:
                return (data[Word(4) + input % 4] - PackedWeight.Zero(weight.Form)) * Scale(weight, output, input);
            default:
                int number = (data[Word(8) + input % 4] >> (4 * (input % 8 / 4)) & 15) - PackedWeight.Zero(weight.Form);
                return number * Scale(weight, output, input);
        }
    }

    /// <summary>Of a whole number.</summary>
    static double Scale(PackedWeight weight, int output, int input)
    {
        if (weight.Form == WeightForm.Int8) return weight.Scales.HostSpan<float>()[output];
        int group = output / PackedWeight.GroupOutputs, lane = output % PackedWeight.GroupOutputs;
        int scale = group * weight.Scales.Shape.D1 + input / PackedWeight.BlockInputs * PackedWeight.GroupOutputs + lane;
        return WeightPacker.FromBF16(weight.Scales.HostSpan<ushort>()[scale]);
    }

    /// <summary>
    /// Greatest error of one element of y = x Wᵀ beside that of float32 sums: each input is rounded to half of its row's step, or for
    /// bfloat16 weights at the most to bfloat16; float32 stays.
    /// </summary>
    /// <param name="greatest">Greatest magnitude of the row of x.</param>
    /// <param name="weightSum">Σ |w| of the output.</param>
    public static double RoundingError(WeightForm form, int inputs, double greatest, double weightSum)
    {
        if (form == WeightForm.PackedF32) return 0;
        // Half of the last of bfloat16's 8 bits.
        if (form == WeightForm.BF16) return greatest / 256 * weightSum;
        return greatest / PackedInputs.Limit(PackedWeight.PaddedInputs(form, inputs)) / 2 * weightSum;
    }
}
