using DistillEngine.Core;
using DistillEngine.Kernels;
using Iced.Intel;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

/// <summary>Emitted tiles, run by an interpreter: those with vectors that this processor lacks compute what they must, too.</summary>
public unsafe class InterpretedTileTests
{
    public static TheoryData<CpuIsa, bool> Formats =>
        [(CpuIsa.Avx2, false), (CpuIsa.Avx512, false), (CpuIsa.Avx512, true), (CpuIsa.Avx512Bf16, false), (CpuIsa.Avx512Bf16, true)];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Tile_OfEveryShape_IsTheSumOfItsProducts(CpuIsa isa, bool broadcasts)
    {
        TileFormat format = Format(isa, broadcasts);
        for (int rows = 1; rows <= format.Rows; rows++)
            for (int vectors = 1; vectors <= TileFormat.Vectors; vectors++)
            {
                var code = new CodeInterpreter(TileEmitter.Emit(format, rows, vectors, windows: false));
                foreach (int columns in new[] { vectors * format.Lanes, (vectors - 1) * format.Lanes + 3 })
                    foreach (int words in new[] { 1, 6, 17 }) AssertTile(code, format, rows, columns, words, lines: 7 * words % 11,
                        words switch { 1 => TileStore.Stream, 6 => TileStore.Add, _ => TileStore.Overwrite });
            }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Tile_WithLinesToAskFor_SpreadsThemEvenlyOverItsSteps(CpuIsa isa, bool broadcasts)
    {
        TileFormat format = Format(isa, broadcasts);
        const int iterations = 40, words = TileEmitter.Unroll * iterations, lines = 17;
        using var host = new HostTensors(seed: 1);
        Tensor a = host.Random("a", new(words, 1)), b = host.Random("b", new(words, format.Lanes)), c = host.Empty("c", new(1, format.Lanes));
        var code = new CodeInterpreter(TileEmitter.Emit(format, rows: 1, vectors: 1, windows: false));
        TileCall call = default;
        call.A = a.HostPointer<float>();
        call.B = b.HostPointer<float>();
        call.C = c.HostPointer<float>();
        call.Words = words;
        call.Ahead = new GemmPrefetch(b.HostPointer<float>(), lines * GemmPrefetch.CacheLine) { Lines = lines };

        code.Run(&call);

        Assert.Equal(Enumerable.Range(0, lines).Select(line => (nint)b.HostPointer<float>() + line * GemmPrefetch.CacheLine),
            code.Asked.Select(asked => (nint)asked.Address));
        Assert.Equal(0, call.Ahead.Left);
        // Every second or third iteration, which is steps of three instructions and some of the loop's own.
        int[] distances = [.. code.Asked.Zip(code.Asked.Skip(1), (one, next) => next.Executed - one.Executed)];
        Assert.InRange(distances.Max(), distances.Min(), 2 * distances.Min());
    }

    static TileFormat Format(CpuIsa isa, bool broadcasts) =>
        (isa switch { CpuIsa.Avx2 => TileFormat.Avx2, CpuIsa.Avx512 => TileFormat.Avx512, _ => TileFormat.Avx512Bf16 }) with
        {
            BroadcastsOperands = broadcasts,
            Ask = broadcasts ? Code.Prefetcht1_m8 : Code.Prefetcht0_m8,
        };

    static void AssertTile(CodeInterpreter code, TileFormat format, int rows, int columns, int words, int lines, TileStore store)
    {
        using var host = new HostTensors(seed: rows * 100 + columns + words);
        int vectors = (columns + format.Lanes - 1) / format.Lanes, width = vectors * format.Lanes;
        // Rows past the caches are whole lines of them.
        int stride = store == TileStore.Stream ? 4 * format.Lanes : columns + 2;
        // Words of two numbers hold small whole ones, so that sums are exact in any order.
        bool isBf16 = format.StepsPerWord == 2;
        Tensor a = host.Random("a", new(words, rows)), b = host.Random("b", new(words, width)), c = host.Random("c", new(rows, stride));
        if (isBf16)
            foreach (Tensor factor in new[] { a, b })
                foreach (ref float word in factor.HostSpan<float>()) word = BitConverter.UInt32BitsToSingle(Pair((int)(word * 8), (int)(word * 64) % 8));
        float[] old = c.HostSpan<float>().ToArray();
        TileCall call = default;
        call.A = a.HostPointer<float>();
        call.B = b.HostPointer<float>();
        call.C = c.HostPointer<float>();
        (call.StrideBytes, call.Words, call.Store) = (stride * sizeof(float), words, store);
        int last = columns - (vectors - 1) * format.Lanes;
        call.IsMasked = last < format.Lanes ? 1 : 0;
        if (format.HasMaskRegisters) call.Mask[0] = (1 << last) - 1;
        else
            for (int lane = 0; lane < format.Lanes; lane++) call.Mask[lane] = lane < last ? -1 : 0;
        // Runs of two lines; nothing reads them.
        call.Ahead = new GemmPrefetch(GemmOperand.OfSteps(a.HostPointer<float>(), 32), 0, 32, 0, 50) { Lines = lines, ResultRows = rows };
        GemmPrefetch asked = words >= TileEmitter.Unroll ? Behind(call.Ahead, lines) : call.Ahead;

        code.Run(&call);

        Assert.Equal((nint)asked.Line, (nint)call.Ahead.Line);
        Assert.Equal((asked.Left, asked.InRun), (call.Ahead.Left, call.Ahead.InRun));
        float[] got = c.HostSpan<float>().ToArray();
        for (int row = 0; row < rows; row++)
            for (int column = 0; column < stride; column++)
            {
                int at = row * stride + column;
                float expected = 0;
                for (int k = 0; k < words; k++)
                    expected = Dot(a.HostSpan<float>()[k * rows + row], column < width ? b.HostSpan<float>()[k * width + column] : 0, expected, isBf16);
                Assert.Equal(column >= columns ? old[at] : store == TileStore.Add ? old[at] + expected : expected, got[at]);
            }
        Assert.True(host.GuardsAreIntact());
    }

    /// <summary>What is left behind so many lines.</summary>
    static GemmPrefetch Behind(GemmPrefetch lines, int count)
    {
        for (; count > 0; count--)
        {
            lines.Left--;
            lines.Line += GemmPrefetch.CacheLine;
            if (--lines.InRun > 0) continue;
            lines.Line += lines.Jump;
            lines.InRun = lines.RunLines;
        }
        return lines;
    }

    static uint Pair(int first, int second) => BitConverter.SingleToUInt32Bits(first) >> 16 | BitConverter.SingleToUInt32Bits(second);

    static float Dot(float a, float b, float sum, bool isBf16)
    {
        if (!isBf16) return MathF.FusedMultiplyAdd(a, b, sum);
        uint left = BitConverter.SingleToUInt32Bits(a), right = BitConverter.SingleToUInt32Bits(b);
        return sum + Number(left << 16) * Number(right << 16) + Number(left & 0xFFFF_0000) * Number(right & 0xFFFF_0000);

        static float Number(uint bits) => BitConverter.UInt32BitsToSingle(bits);
    }
}
