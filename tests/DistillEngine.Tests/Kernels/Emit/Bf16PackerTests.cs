using DistillEngine.Core;
using DistillEngine.Kernels;
using Iced.Intel;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

public unsafe class Bf16PackerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Panel_OfEveryWidthAndDepth_HoldsRoundedPairsAndZeros(bool linesAreContiguous)
    {
        CpuVariants.SkipWhereImpossible(CpuIsa.Avx512Bf16);
        Bf16Packer packer = Bf16Packer.Create(ExecutableMemory.Load)!;
        foreach (int depth in new[] { 1, 2, 7, 8, 31, 33, 64, 65, 131 })
            for (int count = 1; count <= 32; count++)
                foreach (int width in new[] { count, (count + 15) / 16 * 16 })
                    AssertPanel(packer, linesAreContiguous, count, width, depth);
    }

    static void AssertPanel(Bf16Packer packer, bool linesAreContiguous, int count, int width, int depth)
    {
        using var host = new HostTensors(seed: count * 1000 + depth);
        int words = (depth + 1) / 2;
        // Each factor ends with its last element, so that a read behind it meets the guard, which is no number.
        Tensor source = host.Random("source", linesAreContiguous ? new(count, depth) : new(depth, count)), panel = host.Empty("panel", new(words, width));
        GemmOperand operand = linesAreContiguous
            ? GemmOperand.OfLines(source.HostPointer<float>(), depth)
            : GemmOperand.OfSteps(source.HostPointer<float>(), count);

        packer.Panel(operand, 0, count, width, 0, depth, panel.HostPointer<float>());

        for (int word = 0; word < words; word++)
            for (int line = 0; line < width; line++)
            {
                float earlier = line < count ? *operand.At(line, 2 * word) : 0;
                float later = line < count && 2 * word + 1 < depth ? *operand.At(line, 2 * word + 1) : 0;
                uint got = BitConverter.SingleToUInt32Bits(panel.HostSpan<float>()[word * width + line]);
                Assert.True(got == Bf16.Word(earlier, later), $"{count} of {width} lines, {depth} steps: word {word} of line {line}");
            }
        Assert.True(host.GuardsAreIntact());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Emit_EveryRoutine_UsesItsIsaAndChangesNoRegisterOfTheCaller(bool windows)
    {
        CpuidFeature[] features =
        [
            CpuidFeature.INTEL8086, CpuidFeature.INTEL386, CpuidFeature.X64, CpuidFeature.AVX, CpuidFeature.AVX512F, CpuidFeature.AVX512BW,
            CpuidFeature.AVX512_BF16,
        ];
        Register[] free = [Register.RAX, Register.RCX, Register.RDX, Register.R8, Register.R9, Register.R10, Register.R11, Register.RSP];
        var factory = new InstructionInfoFactory();
        foreach (byte[] code in new[]
        {
            Bf16PackEmitter.EmitLines(windows), Bf16PackEmitter.EmitSteps(1, windows), Bf16PackEmitter.EmitSteps(2, windows),
            Bf16PackEmitter.EmitRowPanels(windows),
        })
        {
            var decoder = Decoder.Create(64, code);
            Instruction instruction;
            do
            {
                instruction = decoder.Decode();
                Assert.All(instruction.CpuidFeatures, feature => Assert.Contains(feature, features));
                if (instruction.Code == Code.VEX_Vzeroupper) continue; // Keeps the lower halves, which are all that Windows wants back.
                foreach (UsedRegister used in factory.GetInfo(instruction).GetUsedRegisters())
                {
                    if (used.Access is not (OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite)) continue;
                    if (used.Register.IsGPR()) Assert.Contains(used.Register.GetFullRegister(), free);
                    else if (used.Register.IsVectorRegister()) Assert.InRange(used.Register.GetNumber(), 0, 5);
                }
            }
            while (instruction.Mnemonic != Mnemonic.Ret);
        }
    }
}
