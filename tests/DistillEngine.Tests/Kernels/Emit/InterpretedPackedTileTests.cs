using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

/// <summary>Emitted tiles of packed weights, run by an interpreter: those with instructions that this processor lacks compute what they must, too.</summary>
public unsafe class InterpretedPackedTileTests
{
    static readonly WeightForm[] Whole = [WeightForm.Int8, WeightForm.Int4], All = [WeightForm.PackedF32, WeightForm.BF16, .. Whole];

    static readonly Dictionary<string, PackedTileFormat> ByName = new((IEnumerable<KeyValuePair<string, PackedTileFormat>>)
    [
        .. All.Select(form => KeyValuePair.Create($"avx2 {form}", PackedTileFormat.Avx2(form))),
        .. All.Select(form => KeyValuePair.Create($"avx2 wide {form}", PackedTileFormat.Avx2Wide(form))),
        .. Whole.Select(form => KeyValuePair.Create($"avx-vnni {form}", PackedTileFormat.AvxVnni(form))),
        .. Whole.Select(form => KeyValuePair.Create($"avx-vnni wide {form}", PackedTileFormat.AvxVnniWide(form))),
        .. All.Select(form => KeyValuePair.Create($"avx512 {form}", PackedTileFormat.Avx512(form))),
        KeyValuePair.Create("avx512 widening", PackedTileFormat.Avx512Widening),
    ]);

    public static TheoryData<string> Names => [.. ByName.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Tile_OfEveryShape_IsTheSumOfItsProducts(string name)
    {
        PackedTileFormat format = ByName[name];
        for (int rows = 1; rows <= format.MaxRows; rows++)
        {
            var code = new CodeInterpreter(PackedTileEmitter.Emit(format, rows, windows: false));
            foreach (int outputs in new[] { 1, 9, 16, 17, 31, 32 })
                if (outputs <= format.Outputs)
                    foreach (int steps in new[] { 1, 4, 7 }) AssertTile(code, format, rows, outputs, steps, add: steps == 4);
        }
    }

    /// <param name="steps">Of the routine: for int4 they are blocks.</param>
    static void AssertTile(CodeInterpreter code, PackedTileFormat format, int rows, int outputs, int steps, bool add)
    {
        var random = new Random(rows * 1000 + outputs * 10 + steps);
        bool isInt4 = format.Form == WeightForm.Int4;
        int inputSteps = isInt4 ? 8 * steps : steps, weightSteps = isInt4 ? 4 * steps : steps, blocks = isInt4 ? steps : 1, group = PackedWeight.GroupOutputs;
        using var host = new HostTensors(seed: 1);
        Tensor x = host.Empty("x", new(inputSteps, rows * format.InputWords)), w = host.Empty("w", new(weightSteps, group)), y = host.Random("y", new(rows, outputs));
        Tensor rowScales = host.Random("row scales", new(rows)), scales = host.Empty("scales", new(blocks, group)), offsets = host.Empty("offsets", new(blocks, rows));
        foreach (ref float word in w.HostSpan<float>()) word = Word(random, format);
        // Inputs are small whole numbers, so that sums of pairs are exact in any order.
        int perStep = format.Form switch { WeightForm.PackedF32 => 1, WeightForm.BF16 => 2, _ => 4 };
        var inputs = new int[rows, inputSteps * perStep];
        for (int row = 0; row < rows; row++)
            for (int i = 0; i < inputs.GetLength(1); i++) inputs[row, i] = random.Next(-127, 128);
        for (int step = 0; step < inputSteps; step++)
            for (int row = 0; row < rows; row++)
                for (int word = 0; word < format.InputWords; word++)
                    x.HostSpan<float>()[(step * rows + row) * format.InputWords + word] =
                        InputWord(format, [.. Enumerable.Range(0, perStep).Select(i => inputs[row, step * perStep + i])], word);
        var scaleOf = new float[blocks, group];
        for (int block = 0; block < blocks; block++)
            for (int lane = 0; lane < group; lane++)
            {
                scaleOf[block, lane] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(random.NextSingle()) & 0xFFFF_0000);
                // The upper half of a float32 that ends in zeros.
                if (isInt4) ((ushort*)scales.HostPointer<float>())[block * group + lane] = (ushort)(BitConverter.SingleToUInt32Bits(scaleOf[block, lane]) >> 16);
                else scales.HostSpan<float>()[block * group + lane] = scaleOf[block, lane];
            }
        foreach (ref float offset in offsets.HostSpan<float>()) offset = BitConverter.Int32BitsToSingle(random.Next(-100_000, 100_000));
        float[] old = y.HostSpan<float>().ToArray();
        PackedTileCall call = default;
        call.X = x.HostPointer<float>();
        call.W = (byte*)w.HostPointer<float>();
        call.Y = y.HostPointer<float>();
        (call.StrideBytes, call.Steps, call.Add, call.Masks) = (outputs * sizeof(float), steps, add ? 1 : 0, uint.MaxValue >> (32 - outputs));
        call.Offsets = (int*)offsets.HostPointer<float>();
        call.RowScales = rowScales.HostPointer<float>();
        call.Scales = scales.HostPointer<float>();
        for (int lane = 0; lane < PackedTileCall.MaskedLanes; lane++) call.LaneMasks[lane] = lane < outputs ? -1 : 0;

        code.Run(&call);

        for (int i = 0; i < old.Length; i++)
        {
            int row = i / outputs, lane = i % outputs;
            float sum = 0;
            for (int block = 0; block < blocks; block++)
            {
                int begin = block * inputSteps / blocks, end = (block + 1) * inputSteps / blocks;
                int whole = BitConverter.SingleToInt32Bits(offsets.HostSpan<float>()[block * rows + row]);
                for (int input = begin * perStep; input < end * perStep; input++)
                {
                    float weight = Weight(format.Form, w.HostSpan<float>(), input, lane);
                    if (format.Form is WeightForm.Int8 or WeightForm.Int4) whole += (int)weight * inputs[row, input];
                    else sum = MathF.FusedMultiplyAdd(weight, inputs[row, input], sum);
                }
                if (isInt4) sum = MathF.FusedMultiplyAdd(whole, scaleOf[block, lane], sum);
                else if (format.Form == WeightForm.Int8) sum = whole * (rowScales.HostSpan<float>()[row] * scaleOf[0, lane]);
            }
            if (isInt4) sum *= rowScales.HostSpan<float>()[row];
            Assert.Equal(add ? sum + old[i] : sum, y.HostSpan<float>()[i]);
        }
        Assert.True(host.GuardsAreIntact());
    }

    /// <summary>A word of weights: any bits for whole numbers; small whole numbers where they are bfloat16.</summary>
    static float Word(Random random, PackedTileFormat format) => format.Form switch
    {
        WeightForm.PackedF32 => random.NextSingle() - 0.5f,
        WeightForm.BF16 => Pair(random.Next(-64, 64), random.Next(-64, 64)),
        _ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)),
    };

    /// <summary>A word of a step's inputs, as the tiles take them.</summary>
    static float InputWord(PackedTileFormat format, int[] inputs, int word) => (format.Form, format.Widens) switch
    {
        (WeightForm.PackedF32, _) => inputs[0],
        (WeightForm.BF16, true) => inputs[word],
        (WeightForm.BF16, false) => Pair(inputs[0], inputs[1]),
        (_, true) => BitConverter.Int32BitsToSingle(inputs[word] & 0xFFFF | inputs[word + 2] << 16),
        _ => BitConverter.Int32BitsToSingle(inputs[0] & 0xFF | (inputs[1] & 0xFF) << 8 | (inputs[2] & 0xFF) << 16 | inputs[3] << 24),
    };

    /// <summary>The number of a lane that is multiplied with an input; whole ones as they are stored, without a sign.</summary>
    static float Weight(WeightForm form, ReadOnlySpan<float> words, int input, int lane)
    {
        int perWord = form switch { WeightForm.PackedF32 => 1, WeightForm.BF16 => 2, WeightForm.Int8 => 4, _ => 8 };
        float word = words[input / perWord * PackedWeight.GroupOutputs + lane];
        uint bits = BitConverter.SingleToUInt32Bits(word);
        return form switch
        {
            WeightForm.PackedF32 => word,
            WeightForm.BF16 => BitConverter.UInt32BitsToSingle(input % 2 == 0 ? bits << 16 : bits & 0xFFFF_0000),
            WeightForm.Int8 => bits >> 8 * (input % 4) & 0xFF,
            _ => bits >> 8 * (input % 4) + 4 * (input % 8 / 4) & 0xF,
        };
    }

    static float Pair(int first, int second) =>
        BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(first) >> 16 | BitConverter.SingleToUInt32Bits(second));
}
