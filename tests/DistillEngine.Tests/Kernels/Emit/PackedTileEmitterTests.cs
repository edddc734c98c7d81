using DistillEngine.Core;
using DistillEngine.Kernels;
using Iced.Intel;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

/// <summary>What the emitter writes, read back, so on every processor; and what the code touches, where it can run.</summary>
public unsafe class PackedTileEmitterTests
{
    static readonly WeightForm[] Whole = [WeightForm.Int8, WeightForm.Int4], All = [WeightForm.PackedF32, WeightForm.BF16, .. Whole];

    static readonly (PackedTileFormat Format, CpuidFeature[] Features)[] Formats =
    [
        .. All.Select(form => (PackedTileFormat.Avx512(form),
            (CpuidFeature[])[CpuidFeature.AVX512F, .. Dots(form)])),
        .. Whole.Select(form => (PackedTileFormat.AvxVnni(form), (CpuidFeature[])[CpuidFeature.AVX2, CpuidFeature.FMA, CpuidFeature.AVX_VNNI])),
        .. Whole.Select(form => (PackedTileFormat.AvxVnniWide(form), (CpuidFeature[])[CpuidFeature.AVX2, CpuidFeature.FMA, CpuidFeature.AVX_VNNI])),
        .. All.Select(form => (PackedTileFormat.Avx2Wide(form), (CpuidFeature[])[CpuidFeature.AVX2, CpuidFeature.FMA])),
        .. All.Select(form => (PackedTileFormat.Avx2(form), (CpuidFeature[])[CpuidFeature.AVX2, CpuidFeature.FMA])),
    ];

    static CpuidFeature[] Dots(WeightForm form) => form switch
    {
        WeightForm.PackedF32 => [],
        WeightForm.BF16 => [CpuidFeature.AVX512_BF16],
        _ => [CpuidFeature.AVX512_VNNI],
    };

    public static TheoryData<int, bool> Cases =>
        [.. from format in Enumerable.Range(0, Formats.Length) from windows in new[] { false, true } select (format, windows)];

    static IEnumerable<Instruction[]> Tiles(int format, bool windows)
    {
        for (int rows = 1; rows <= Formats[format].Format.MaxRows; rows++)
        {
            var instructions = new List<Instruction>();
            byte[] code = PackedTileEmitter.Emit(Formats[format].Format, rows, windows);
            var decoder = Decoder.Create(64, code);
            while (decoder.IP < (ulong)code.Length) instructions.Add(decoder.Decode());
            yield return [.. instructions];
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Emit_EveryTile_UsesInstructionsOfItsFormatOnly(int format, bool windows)
    {
        CpuidFeature[] allowed =
        [
            CpuidFeature.INTEL8086, CpuidFeature.INTEL386, CpuidFeature.X64, CpuidFeature.SSE, CpuidFeature.AVX, .. Formats[format].Features,
        ];
        foreach (Instruction instruction in Tiles(format, windows).SelectMany(tile => tile))
            foreach (CpuidFeature feature in instruction.CpuidFeatures) Assert.True(allowed.Contains(feature), $"{instruction} needs {feature}");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Emit_EveryTile_LeavesTheCallersRegistersAsTheyWere(int format, bool windows)
    {
        Register[] free = [Register.RAX, Register.RCX, Register.RDX, Register.R8, Register.R9, Register.R10, Register.R11, Register.RSP];
        var factory = new InstructionInfoFactory();
        foreach (Instruction[] tile in Tiles(format, windows))
        {
            var saved = new HashSet<int>();
            foreach (Instruction instruction in tile)
            {
                bool saves = instruction.Code == Code.VEX_Vmovups_xmmm128_xmm && instruction.MemoryBase == Register.RSP;
                bool restores = instruction.Code == Code.VEX_Vmovups_xmm_xmmm128 && instruction.MemoryBase == Register.RSP;
                if (saves) saved.Add(instruction.Op1Register.GetNumber());
                foreach (UsedRegister used in factory.GetInfo(instruction).GetUsedRegisters())
                {
                    if (used.Access is not (OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite)) continue;
                    if (used.Register.IsGPR()) Assert.Contains(used.Register.GetFullRegister(), free);
                    // vzeroupper keeps the lower halves, which are all that Windows wants back.
                    else if (windows && used.Register.IsVectorRegister() && instruction.Code != Code.VEX_Vzeroupper
                        && used.Register.GetNumber() is >= 6 and <= 15)
                        Assert.True(restores || saved.Contains(used.Register.GetNumber()), instruction.ToString());
                }
            }
            // Every way out restores what was saved.
            int returns = tile.Count(i => i.Mnemonic == Mnemonic.Ret),
                restored = tile.Count(i => i.Code == Code.VEX_Vmovups_xmm_xmmm128 && i.MemoryBase == Register.RSP);
            Assert.Equal(saved.Count * returns, restored);
        }
    }

    /// <summary>Every operand ends where memory ends, but the result, which lies between what may not be written.</summary>
    [Theory]
    [InlineData(WeightForm.PackedF32, 3)]
    [InlineData(WeightForm.BF16, 2)]
    [InlineData(WeightForm.Int8, 1)]
    [InlineData(WeightForm.Int8, 7)]
    [InlineData(WeightForm.Int4, 3)]
    public void Run_OfAnyRowsAndOutputs_TouchesNothingElse(WeightForm form, int steps)
    {
        PackedTiles[] all = PackedWeights.Tiles(form);
        if (all.Length == 0) Assert.Skip($"There are no tiles of {form.Name()} here.");
        foreach (PackedTiles tiles in all)
            for (int rows = 1; rows <= tiles.MaxRows; rows++)
                foreach (int outputs in new[] { 1, 7, 8, 9, 15, 16, 17, 32 })
                    if (outputs <= tiles.Outputs) AssertTouchesNothingElse(tiles, form, rows, outputs, steps);
    }

    static void AssertTouchesNothingElse(PackedTiles tiles, WeightForm form, int rows, int outputs, int steps)
    {
        const float Guard = 12345;
        bool isInt4 = form == WeightForm.Int4;
        int outputBytes = 4 * tiles.Outputs;
        // A narrower tile is the last half of its group, which no step reads beyond.
        using GuardedMemory x = new(4 * rows * steps * tiles.InputWords * (isInt4 ? 8 : 1)), w = new(128 * steps * (isInt4 ? 4 : 1)),
            y = new(4 * rows * outputs);
        using GuardedMemory offsets = new(4 * rows * (isInt4 ? steps : 1)), rowScales = new(4 * rows), scales = new(isInt4 ? 64 * steps : 128);
        new Span<float>(y.Start, rows * outputs).Fill(Guard);
        void* firstScales = (byte*)scales.Start + (128 - outputBytes) / (isInt4 ? 2 : 1);
        PackedTileCall call = default;
        call.X = x.Start;
        call.W = (byte*)w.Start + 128 - outputBytes;
        call.Y = (float*)y.Start;
        call.StrideBytes = 4 * outputs;
        call.Steps = steps;
        call.Offsets = (int*)offsets.Start;
        call.RowScales = (float*)rowScales.Start;
        call.Scales = firstScales;
        call.Next = (byte*)w.Start;
        call.Ahead = 64;
        Mask(ref call, outputs);

        call.Add = 1;
        tiles.Run(rows, &call);
        // Zeros times zeros were added.
        Assert.All(new Span<float>(y.Start, rows * outputs).ToArray(), v => Assert.Equal(Guard, v));

        call.Offsets = (int*)offsets.Start;
        call.Scales = firstScales;
        call.Add = 0;
        // Rows one output further apart: what lies between stays.
        if (rows > 1 && outputs > 1)
        {
            call.StrideBytes = 4 * outputs;
            Mask(ref call, outputs - 1);
            tiles.Run(rows, &call);
            for (int i = 0; i < rows * outputs; i++) Assert.Equal(i % outputs == outputs - 1 ? Guard : 0, ((float*)y.Start)[i]);
        }
    }

    static void Mask(ref PackedTileCall call, int outputs)
    {
        call.Masks = uint.MaxValue >> (32 - outputs);
        for (int lane = 0; lane < PackedTileCall.MaskedLanes; lane++) call.LaneMasks[lane] = lane < outputs ? -1 : 0;
    }
}
