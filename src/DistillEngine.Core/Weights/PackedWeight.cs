namespace DistillEngine.Core;

/// <summary>
/// A linear map laid out so that a product of few rows reads it once, front to back: groups of 32 outputs, within a group
/// step by step along the inputs, within a step all 32 outputs side by side, 4 bytes each. Missing outputs and inputs are zeros.
/// </summary>
/// <remarks>
/// A step is an input of <see cref="WeightForm.PackedF32"/> (float [32]), two inputs of <see cref="WeightForm.BF16"/> (ushort [32, 2]), four of <see cref="WeightForm.Int8"/> (byte [32, 4]; each number
/// plus 128) and eight of <see cref="WeightForm.Int4"/> (byte [32, 4]: inputs 0 … 3 in the lower four bits, 4 … 7 in the upper; each number
/// plus 8). Dot products of four bytes, as processors have them, take unsigned numbers on one side.
/// </remarks>
/// <param name="Data">bytes [groups, <see cref="GroupBytes"/>].</param>
/// <param name="Scales">float32 [groups, 32] for int8; bfloat16 [groups, blocks · 32] for int4; absent for the others.</param>
/// <param name="Remainders">int8 [outputs, inputs], row by row: what rounding took from each whole number, in units of 1 / <see cref="RemainderUnits"/>;
/// absent where the map is kept without (<see cref="WeightForms.KeepsRemainders"/>). Products do not read them.</param>
public sealed record PackedWeight(WeightForm Form, int Outputs, int Inputs, Tensor Data, Tensor Scales, Tensor Remainders = default)
{
    /// <summary>Outputs of a group: two of the widest vectors, so that every width finds whole vectors and the widest reads whole groups.</summary>
    public const int GroupOutputs = 32;

    /// <summary>Inputs that share a scale of <see cref="WeightForm.Int4"/>.</summary>
    public const int BlockInputs = 32;

    /// <summary>Units of a remainder in one step of the whole numbers: a remainder reaches a step to either side, as int4's largest number needs.</summary>
    public const int RemainderUnits = sbyte.MaxValue;

    public int Groups => GroupsOf(Outputs);

    public long ByteLength => ByteLengthOf(Form, Outputs, Inputs);

    public static int GroupsOf(int outputs) => (int)(((long)outputs + GroupOutputs - 1) / GroupOutputs);

    /// <summary>Inputs with the padding of a form.</summary>
    public static int PaddedInputs(WeightForm form, int inputs)
    {
        int grain = form switch { WeightForm.Int4 => BlockInputs, WeightForm.Int8 => 4, WeightForm.BF16 => 2, _ => 1 };
        return checked((inputs + grain - 1) / grain * grain);
    }

    /// <summary>What stands for zero: the excess of the packed whole numbers.</summary>
    public static int Zero(WeightForm form) => form switch { WeightForm.Int8 => 128, WeightForm.Int4 => 8, _ => 0 };

    /// <summary>Bytes of a group without its scales.</summary>
    /// <exception cref="ArgumentException">The form is not packed.</exception>
    public static int GroupBytes(WeightForm form, int inputs) => checked(GroupOutputs * PaddedInputs(form, inputs) * BitsOf(form) / 8);

    /// <summary>Scales of a group.</summary>
    public static int GroupScales(WeightForm form, int inputs) => form switch
    {
        WeightForm.Int8 => GroupOutputs,
        WeightForm.Int4 => GroupOutputs * (PaddedInputs(form, inputs) / BlockInputs),
        _ => 0,
    };

    /// <summary>Bytes of a map, without alignment.</summary>
    public static long ByteLengthOf(WeightForm form, int outputs, int inputs) =>
        GroupsOf(outputs) * ((long)GroupBytes(form, inputs) + GroupScales(form, inputs) * ScaleType(form).SizeInBytes());

    /// <summary>Element type of the scales.</summary>
    public static DType ScaleType(WeightForm form) => form == WeightForm.Int8 ? DType.F32 : DType.BF16;

    static int BitsOf(WeightForm form) => form switch
    {
        WeightForm.PackedF32 => 32,
        WeightForm.BF16 => 16,
        WeightForm.Int8 => 8,
        WeightForm.Int4 => 4,
        _ => throw new ArgumentException($"A weight of form {form} is not packed.", nameof(form)),
    };
}
