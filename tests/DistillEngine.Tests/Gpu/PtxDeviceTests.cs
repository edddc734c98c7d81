using System.Runtime.InteropServices;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The device that judges kernels, on PTX of a few lines whose results the PTX ISA tells.</summary>
public class PtxDeviceTests
{
    // CUresult of cuda.h.
    const int InvalidValue = 1, InvalidPtx = 218, IllegalAddress = 700, MisalignedAddress = 716, LaunchFailed = 719;

    // The registers of every text, and the address of this thread's word of p0 in %d1.
    const string Begin = """
        .reg .pred %p<4>; .reg .b32 %r<40>; .reg .b64 %d<12>; .reg .f32 %f<8>;
        ld.param.b64 %d0, [p0];
        mov.u32 %r0, %tid.x;
        mul.wide.u32 %d11, %r0, 4;
        add.u64 %d1, %d0, %d11;
        """;

    [Theory]
    [InlineData(16, 2, "m16n8k16.row.col.f32.bf16.bf16.f32")]
    [InlineData(8, 1, "m16n8k8.row.col.f32.tf32.tf32.f32")]
    public void Mma_OfFragmentsByTheTables_IsTheProduct(int depth, int packed, string shape)
    {
        float[,] a = new float[16, depth], b = new float[depth, 8];
        for (int k = 0; k < depth; k++)
        {
            for (int i = 0; i < 16; i++) a[i, k] = (i * 7 + k * 3) % 11 - 5;
            for (int j = 0; j < 8; j++) b[k, j] = (k * 5 + j * 2) % 7 - 3;
        }
        var fragments = new uint[32 * 6];
        for (int lane = 0; lane < 32; lane++)
        {
            var (group, thread) = (lane / 4, lane % 4);
            for (int register = 0; register < 6; register++)
                for (int half = 0; half < packed; half++)
                {
                    // Words of a: rows g and g + 8, then the upper half of the depth; words of b: the two halves of the depth.
                    bool isA = register < 4;
                    int k = thread * packed + half + (isA ? register / 2 : register - 4) * depth / 2;
                    uint bits = BitConverter.SingleToUInt32Bits(isA ? a[group + register % 2 * 8, k] : b[k, group]);
                    fragments[lane * 6 + register] |= packed == 1 ? bits : bits >> 16 << (16 * half);
                }
        }
        byte[] words = Bytes(fragments), sums = new byte[32 * 16];
        using var machine = new PtxMachine();
        Succeeds(machine, machine.Run(Begin + $$"""
            ld.param.b64 %d2, [p1];
            mul.wide.u32 %d3, %r0, 24;
            add.u64 %d3, %d0, %d3;
            ld.global.v2.b32 {%r1, %r2}, [%d3];
            ld.global.v2.b32 {%r3, %r4}, [%d3+8];
            ld.global.v2.b32 {%r5, %r6}, [%d3+16];
            mov.f32 %f4, 0f3F800000;
            mma.sync.aligned.{{shape}} {%f0, %f1, %f2, %f3}, {%r1, %r2, %r3, %r4}, {%r5, %r6}, {%f4, %f4, %f4, %f4};
            mul.wide.u32 %d3, %r0, 16;
            add.u64 %d2, %d2, %d3;
            st.global.v4.f32 [%d2], {%f0, %f1, %f2, %f3};
            ret;
            """, 32, 0, 1, true, words, sums));
        ReadOnlySpan<float> got = MemoryMarshal.Cast<byte, float>(sums);
        for (int lane = 0; lane < 32; lane++)
        {
            for (int i = 0; i < 4; i++)
            {
                int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
                Assert.Equal(1 + Enumerable.Range(0, depth).Sum(k => a[row, k] * b[k, column]), got[lane * 4 + i]);
            }
        }
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(".trans", true)]
    public void Ldmatrix_OfNamedRows_GivesEachLaneItsPairs(string transposed, bool isTransposed)
    {
        // Row r holds 8 r … 8 r + 7; lanes name the rows backwards.
        byte[] rows = Bytes([.. Enumerable.Range(0, 128).Select(i => (uint)(2 * i | (2 * i + 1) << 16))]), result = new byte[32 * 16];
        using var machine = new PtxMachine();
        Succeeds(machine, machine.Run(Begin + $$"""
            ld.param.b64 %d2, [p1];
            mul.wide.u32 %d3, %r0, 16;
            add.u64 %d4, %d0, %d3;
            add.u64 %d2, %d2, %d3;
            ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%d4];
            mov.b64 %d5, dynamic;
            add.u64 %d5, %d5, %d3;
            st.shared.v4.b32 [%d5], {%r1, %r2, %r3, %r4};
            bar.sync 0;
            mov.u32 %r5, dynamic;
            sub.s32 %r6, 31, %r0;
            mad.lo.u32 %r5, %r6, 16, %r5;
            ldmatrix.sync.aligned.m8n8.x4{{transposed}}.shared.b16 {%r1, %r2, %r3, %r4}, [%r5];
            st.global.v4.b32 [%d2], {%r1, %r2, %r3, %r4};
            ret;
            """, 32, 512, 1, true, rows, result));
        ReadOnlySpan<ushort> got = MemoryMarshal.Cast<byte, ushort>(result);
        for (int i = 0; i < got.Length; i++)
        {
            var (lane, matrix, half) = (i / 8, i / 2 % 4, i % 2);
            var (row, column) = isTransposed ? (lane % 4 * 2 + half, lane / 4) : (lane / 4, lane % 4 * 2 + half);
            Assert.Equal((31 - (matrix * 8 + row)) * 8 + column, got[i]);
        }
    }

    [Theory]
    [InlineData("cp.async.wait_group 0;", 0, 0)]
    [InlineData("cp.async.wait_group 1;", 0, 0)]
    [InlineData("cp.async.wait_group 1;", 16, LaunchFailed)]
    [InlineData("cp.async.wait_group 0;", 16, 0)]
    [InlineData("", 0, LaunchFailed)]
    public void CpAsync_OfTwoGroups_IsSeenOnceItsGroupWasWaitedFor(string wait, int offset, int status)
    {
        byte[] words = Bytes([1, 2, 3, 4, 5, 6, 7, 8]), result = new byte[4];
        using var machine = new PtxMachine();
        int got = machine.Run(Begin + $$"""
            ld.param.b64 %d2, [p1];
            mov.u32 %r1, dynamic;
            mov.b64 %d3, dynamic;
            add.s32 %r2, %r1, 16;
            add.u64 %d4, %d0, 16;
            mov.b32 %r3, 16;
            cp.async.cg.shared.global [%r1], [%d0], 16, %r3;
            cp.async.commit_group;
            cp.async.cg.shared.global [%r2], [%d4], 16, %r3;
            cp.async.commit_group;
            {{wait}}
            ld.shared.b32 %r4, [%d3+{{offset}}];
            st.global.b32 [%d2], %r4;
            ret;
            """, 1, 32, 1, true, words, result);
        Assert.Equal(status, got);
        if (status == 0) Assert.Equal(1 + offset / 4, BitConverter.ToInt32(result));
        else Assert.Contains("a copy that nothing waited for", machine.Complaint, StringComparison.Ordinal);
    }

    [Fact]
    public void Lanes_ThatPart_JoinAgain()
    {
        byte[] result = new byte[64 * 4];
        using var machine = new PtxMachine();
        // Each lane counts to its own number; then all exchange with their neighbours, and the warps through shared memory.
        Succeeds(machine, machine.Run(Begin + """
            mov.b32 %r1, 0;
            LOOP:
            setp.ge.s32 %p0, %r1, %r0;
            @%p0 bra OUT;
            add.s32 %r1, %r1, 1;
            bra LOOP;
            OUT:
            shfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xffffffff;
            mov.b64 %d2, dynamic;
            add.u64 %d3, %d2, %d11;
            st.shared.b32 [%d3], %r2;
            bar.sync 0;
            xor.b32 %r3, %r0, 32;
            mul.wide.u32 %d4, %r3, 4;
            add.u64 %d4, %d2, %d4;
            ld.shared.b32 %r4, [%d4];
            st.global.b32 [%d1], %r4;
            ret;
            """, 64, 256, 1, true, result));
        for (int i = 0; i < 64; i++) Assert.Equal((i ^ 32) ^ 1, BitConverter.ToInt32(result, 4 * i));
    }

    [Fact]
    public void Product_ThatIsAddedOnce_IsFused()
    {
        byte[] result = new byte[4];
        using var machine = new PtxMachine();
        Succeeds(machine, machine.Run(Begin + """
            mov.f32 %f0, 0f3F800800;
            mul.f32 %f1, %f0, %f0;
            sub.f32 %f2, %f1, 0f3F801000;
            st.global.f32 [%d1], %f2;
            ret;
            """, 1, 0, 1, true, result));
        // (1 + 2⁻¹²)² − (1 + 2⁻¹¹), of which rounded products leave nothing.
        Assert.Equal(MathF.ScaleB(1, -24), BitConverter.ToSingle(result));
    }

    public static TheoryData<string, int, int, string> Mistakes => new()
    {
        { "ld.global.b32 %r1, [%d1+4];", IllegalAddress, 32, "within an allocation" },
        { "add.s64 %d2, %d1, -256; ld.global.b32 %r1, [%d2];", IllegalAddress, 32, "within an allocation" },
        { "st.global.v2.b32 [%d1], {%r0, %r0};", MisalignedAddress, 32, "no multiple of 8" },
        { "mov.b64 %d2, dynamic; ld.shared.b32 %r1, [%d2+128];", IllegalAddress, 32, "of the shared memory of 128" },
        { "mov.b64 %d2, dynamic; st.shared.b32 [%d2], %r0;", LaunchFailed, 32, "a race: it writes what thread 0 writes" },
        { "mov.b64 %d2, dynamic; st.shared.b32 [%d2], 7; ld.shared.b32 %r1, [%d2];", LaunchFailed, 64, "a race" },
        { "setp.lt.s32 %p0, %r0, 16; @%p0 bra IN; bra OUT; IN: bar.sync 0; OUT:", LaunchFailed, 32, "at the barrier" },
        { "setp.lt.s32 %p0, %r0, 16; @!%p0 bra OUT; shfl.sync.bfly.b32 %r1, %r0, 1, 31, -1; OUT:", LaunchFailed, 32, "are named" },
        { "mov.u32 %r1, dynamic; setp.lt.s32 %p0, %r0, 16; @%p0 ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r2, %r3, %r4, %r5}, [%r1];", LaunchFailed, 32,
            "what the whole warp must" },
        { "sin.approx.f32 %f0, %f1;", InvalidPtx, 32, "'sin.approx.f32' is not known" },
        { "add.s32 %d2, %r0, 1;", InvalidPtx, 32, "has 64 bits, expected 32" },
        { "bra NOWHERE;", InvalidPtx, 32, "leads nowhere" },
        { "ld.param.b64 %d2, [p0+8];", InvalidPtx, 32, "beyond the parameter" },
    };

    [Theory, MemberData(nameof(Mistakes))]
    public void Mistake_OfAKernel_IsRefusedWithItsReason(string code, int status, int threads, string reason)
    {
        using var machine = new PtxMachine();
        Assert.Equal(status, machine.Run($"{Begin}\n{code}\nret;", threads, 128, 1, true, new byte[4 * threads]));
        Assert.Contains(reason, machine.Complaint, StringComparison.Ordinal);
    }

    [Fact]
    public void Blocks_ThatWriteTheSameWord_AreARace()
    {
        using var machine = new PtxMachine();
        Assert.Equal(LaunchFailed, machine.Run($"{Begin}\nmov.u32 %r1, %ctaid.x;\nst.global.b32 [%d1], %r1;\nret;", 1, 0, 2, true, new byte[4]));
        Assert.Contains("another block writes", machine.Complaint, StringComparison.Ordinal);
    }

    [Fact]
    public void TensorInstructions_OnAnOlderDevice_AreRefused()
    {
        using var machine = new PtxMachine(capability: 70);
        Assert.Equal(InvalidPtx, machine.Run($"{Begin}\nret;", 1, 0, 1, true, new byte[4]));
        Assert.Contains("'sm_80' is not that of a device of sm_70", machine.Complaint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(48 << 10, false, 0)]
    [InlineData((48 << 10) + 4, false, InvalidValue)]
    [InlineData((48 << 10) + 4, true, 0)]
    public void DynamicSharedMemory_BeyondWhatIsUsual_MustBeAskedFor(int bytes, bool isAllowed, int status)
    {
        using var machine = new PtxMachine();
        Assert.Equal(status, machine.Run($"{Begin}\nret;", 32, bytes, 1, isAllowed, new byte[128]));
    }

    [Fact]
    public unsafe void Copies_FromPinnedMemory_ReadItWhenTheyAreWaitedFor()
    {
        using var machine = new PtxMachine();
        byte* host = (byte*)NativeMemory.AllocZeroed(3);
        nint device = machine.Allocate(2);
        Assert.Equal(0, machine.Pin((nint)host, 1));
        (host[0], host[1]) = (1, 1);
        Assert.Equal(0, machine.Copy(device, (nint)host, 1));
        Assert.Equal(0, machine.Copy(device + 1, (nint)(host + 1), 1));
        (host[0], host[1]) = (2, 2);
        Assert.Equal(0, machine.Synchronize());
        byte* read = (byte*)device;
        Assert.Equal((2, 1), (read[0], read[1]));
        Assert.Equal(InvalidValue, machine.Copy(device + 1, (nint)host, 2));
        NativeMemory.Free(host);
    }

    static void Succeeds(PtxMachine machine, int status) => Assert.True(status == 0, machine.Complaint);

    static byte[] Bytes(uint[] words) => MemoryMarshal.AsBytes<uint>(words).ToArray();
}
