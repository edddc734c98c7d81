using DistillEngine.Core;
using DistillEngine.Kernels;
using Iced.Intel;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

/// <summary>What the emitter writes, read back, so on every processor; and what the code touches, where it can run.</summary>
public unsafe class PackedTileEmitterTests
{
    public static TheoryData<WeightForm, bool> Forms =>
        [.. from form in new[] { WeightForm.BF16, WeightForm.Int8, WeightForm.Int4 } from windows in new[] { false, true } select (form, windows)];

    static IEnumerable<Instruction> Tiles(WeightForm form, bool windows)
    {
        for (int rows = 1; rows <= PackedTileEmitter.MaxRows(form); rows++)
        {
            byte[] code = PackedTileEmitter.Emit(form, rows, windows);
            var decoder = Decoder.Create(64, code);
            while (decoder.IP < (ulong)code.Length) yield return decoder.Decode();
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Emit_EveryTile_UsesInstructionsOfItsFormOnly(WeightForm form, bool windows)
    {
        CpuidFeature[] allowed =
        [
            CpuidFeature.INTEL8086, CpuidFeature.INTEL386, CpuidFeature.X64, CpuidFeature.SSE, CpuidFeature.AVX, CpuidFeature.AVX512F,
            form == WeightForm.BF16 ? CpuidFeature.AVX512_BF16 : CpuidFeature.AVX512_VNNI,
        ];
        foreach (Instruction instruction in Tiles(form, windows))
            foreach (CpuidFeature feature in instruction.CpuidFeatures) Assert.True(allowed.Contains(feature), $"{instruction} needs {feature}");
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Emit_EveryTile_ChangesNoRegisterOfTheCaller(WeightForm form, bool windows)
    {
        Register[] free = [Register.RAX, Register.RCX, Register.RDX, Register.R8, Register.R9, Register.R10, Register.R11, Register.RSP];
        var factory = new InstructionInfoFactory();
        foreach (Instruction instruction in Tiles(form, windows))
            foreach (UsedRegister used in factory.GetInfo(instruction).GetUsedRegisters())
            {
                if (used.Access is not (OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite)) continue;
                if (used.Register.IsGPR()) Assert.Contains(used.Register.GetFullRegister(), free);
                // vzeroupper keeps the lower halves, which are all that Windows wants back.
                else if (used.Register.IsVectorRegister() && instruction.Code != Code.VEX_Vzeroupper) Assert.False(used.Register.GetNumber() is >= 6 and <= 15, instruction.ToString());
            }
    }

    /// <summary>Every operand ends where memory ends, but the result, which lies between what may not be written.</summary>
    [Theory]
    [InlineData(WeightForm.BF16, 2)]
    [InlineData(WeightForm.Int8, 1)]
    [InlineData(WeightForm.Int8, 7)]
    [InlineData(WeightForm.Int4, 3)]
    public void Run_OfAnyRowsAndOutputs_TouchesNothingElse(WeightForm form, int steps)
    {
        if (PackedTiles.For(CpuIsa.Avx512Bf16, form) is not { } tiles) Assert.Skip($"There are no tiles of {form.Name()} here.");
        else
            for (int rows = 1; rows <= tiles.MaxRows; rows++)
                foreach (int outputs in new[] { 1, 15, 16, 17, 32 }) AssertTouchesNothingElse(tiles, form, rows, outputs, steps);
    }

    static void AssertTouchesNothingElse(PackedTiles tiles, WeightForm form, int rows, int outputs, int steps)
    {
        const float Guard = 12345;
        bool isInt4 = form == WeightForm.Int4;
        using GuardedMemory x = new(4 * rows * steps * (isInt4 ? 8 : 1)), w = new(128 * steps * (isInt4 ? 4 : 1)), y = new(4 * rows * outputs);
        using GuardedMemory offsets = new(4 * rows * (isInt4 ? steps : 1)), rowScales = new(4 * rows), scales = new(isInt4 ? 64 * steps : 128);
        new Span<float>(y.Start, rows * outputs).Fill(Guard);
        PackedTileCall call;
        call.X = x.Start;
        call.W = w.Start;
        call.Y = (float*)y.Start;
        call.StrideBytes = 4 * outputs;
        call.Steps = steps;
        call.Offsets = (int*)offsets.Start;
        call.RowScales = (float*)rowScales.Start;
        call.Scales = scales.Start;
        call.Next = w.Start;
        call.Ahead = 64;
        call.Masks = uint.MaxValue >> (32 - outputs);

        call.Add = 1;
        tiles.Run(rows, &call);
        // Zeros times zeros were added.
        Assert.All(new Span<float>(y.Start, rows * outputs).ToArray(), v => Assert.Equal(Guard, v));

        call.Offsets = (int*)offsets.Start;
        call.Scales = scales.Start;
        call.Add = 0;
        // Rows one output further apart: what lies between stays.
        if (rows > 1 && outputs > 1)
        {
            (call.StrideBytes, call.Masks) = (4 * outputs, uint.MaxValue >> (33 - outputs));
            tiles.Run(rows, &call);
            for (int i = 0; i < rows * outputs; i++) Assert.Equal(i % outputs == outputs - 1 ? Guard : 0, ((float*)y.Start)[i]);
        }
    }
}
