using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

/// <summary>Caches as processors tell them, and the blocks that follow from them.</summary>
public class ProcessorCachesTests
{
    const int AmdList = unchecked((int)0x8000001D), OldFirst = unchecked((int)0x80000005), OldOthers = unchecked((int)0x80000006);

    /// <summary>Answers by function and index; the others are zeros.</summary>
    sealed class Answers : Dictionary<(int Function, int Index), (int Eax, int Ebx, int Ecx, int Edx)>
    {
        public ProcessorCaches Read() => ProcessorCaches.Read((function, index) => this.GetValueOrDefault((function, index)));
    }

    // A virtual machine on Zen 5 that leaves the list empty; its last cache is that of all the host's cores.
    static readonly Answers Zen5Machine = new()
    {
        [(OldFirst, 0)] = (0, 0, 48 << 24 | 0x0C0140, 32 << 24),
        [(OldOthers, 0)] = (0, 0, 1024 << 16 | 0x6140, 1016 << 18),
    };

    // AMD, Processor Programming Reference for family 19h, models 10h and up: leaf 0x8000001D of eight cores with two threads each.
    static readonly Answers Zen4 = new()
    {
        [(AmdList, 0)] = Cache(type: 1, level: 1, threads: 2, ways: 8, sets: 64),
        [(AmdList, 1)] = Cache(type: 2, level: 1, threads: 2, ways: 8, sets: 64),
        [(AmdList, 2)] = Cache(type: 3, level: 2, threads: 2, ways: 8, sets: 2048),
        [(AmdList, 3)] = Cache(type: 3, level: 3, threads: 16, ways: 16, sets: 32768),
        [(OldFirst, 0)] = (0, 0, 32 << 24, 0),
    };

    // Intel, Xeon Platinum 8592+: 48 KiB, 2 MiB, and 160 MiB for each of the two dies, here as one of 320 MiB for 64 cores.
    static readonly Answers EmeraldRapids = new()
    {
        [(4, 0)] = Cache(type: 1, level: 1, threads: 2, ways: 12, sets: 64),
        [(4, 1)] = Cache(type: 2, level: 1, threads: 2, ways: 8, sets: 64),
        [(4, 2)] = Cache(type: 3, level: 2, threads: 2, ways: 16, sets: 2048),
        [(4, 3)] = Cache(type: 3, level: 3, threads: 128, ways: 20, sets: 262144),
    };

    // Intel, a desktop processor with 256 KiB and 2 MiB of the last cache for each of four cores.
    static readonly Answers Skylake = new()
    {
        [(4, 0)] = Cache(type: 1, level: 1, threads: 2, ways: 8, sets: 64),
        [(4, 1)] = Cache(type: 2, level: 1, threads: 2, ways: 8, sets: 64),
        [(4, 2)] = Cache(type: 3, level: 2, threads: 2, ways: 4, sets: 1024),
        [(4, 3)] = Cache(type: 3, level: 3, threads: 8, ways: 16, sets: 8192),
    };

    [Fact]
    public void Read_OfZen5InAVirtualMachine_TakesTheOlderLeaves()
    {
        ProcessorCaches caches = Zen5Machine.Read();
        Assert.Equal(new(48 << 10, 0, CacheSource.OldLeaves), caches.First);
        Assert.Equal(new(1 << 20, 0, CacheSource.OldLeaves), caches.Second);
        Assert.Equal(new(508 << 20, 0, CacheSource.OldLeaves), caches.Last);
        Assert.Equal("48 KiB, 1 MiB a core, 508 MiB shared", caches.ToString());
        AssertMeasuredBlocks(caches);
    }

    [Fact]
    public void Read_OfZen4_TakesItsList()
    {
        ProcessorCaches caches = Zen4.Read();
        Assert.Equal(new(32 << 10, 1, CacheSource.List), caches.First);
        Assert.Equal(new(1 << 20, 1, CacheSource.List), caches.Second);
        Assert.Equal(new(32 << 20, 8, CacheSource.List), caches.Last);
        Assert.Equal("32 KiB, 1 MiB a core, 32 MiB shared by 8 cores", caches.ToString());
        AssertMeasuredBlocks(caches);
    }

    [Fact]
    public void Read_OfEmeraldRapids_TakesLeafFour()
    {
        ProcessorCaches caches = EmeraldRapids.Read();
        Assert.Equal(new(48 << 10, 1, CacheSource.List), caches.First);
        Assert.Equal(new(2 << 20, 1, CacheSource.List), caches.Second);
        Assert.Equal(new(320L << 20, 64, CacheSource.List), caches.Last);
        Assert.Equal(1024, caches.PackedColumns);
    }

    [Fact]
    public void Read_OfNothing_AssumesTheCachesOfTheMeasuredBlocks()
    {
        ProcessorCaches caches = new Answers().Read();
        Assert.Equal(ProcessorCaches.Assumed, caches);
        Assert.Equal("32 KiB (assumed), 1 MiB (assumed) a core, 32 MiB (assumed) shared", caches.ToString());
        AssertMeasuredBlocks(caches);
    }

    [Fact]
    public void PackedColumns_OfASmallLastCache_FitThreeQuartersOfACoresPart()
    {
        Assert.Equal(512, Skylake.Read().PackedColumns);
        Assert.Equal(256, (Skylake.Read() with { Last = new(1 << 20, 4, CacheSource.List) }).PackedColumns);
        // 1.375 MiB a core, in steps of 64 columns.
        Assert.Equal(320, (Skylake.Read() with { Last = new(28 * 1408L << 10, 28, CacheSource.List) }).PackedColumns);
    }

    [Fact]
    public void Multiply_UnderOtherCaches_GivesTheSameBits()
    {
        ProcessorCaches[] machines = [Zen5Machine.Read(), Zen4.Read(), EmeraldRapids.Read(), Skylake.Read()];
        // More than a block of columns and of rows, and two of words.
        const int rows = 400, inputs = 800, outputs = 1100;
        float[]? expected = null;
        foreach (ProcessorCaches caches in machines)
            for (int threads = 1; threads <= 2; threads++)
            {
                using var host = new HostTensors(seed: 23);
                using var pool = new ComputePool(threads);
                var op = new MatMulCpu<F32x8>(pool, new Gemm(pool, new PortableGemmKernel<F32x8>(rounds: false) { Caches = caches }));
                Tensor x = host.Random("x", new(rows, inputs)), w = host.Random("w", new(outputs, inputs)), y = host.Empty("y", new(rows, outputs));
                op.Forward(x, new Weight(w), Into.Overwrite, y);
                expected ??= y.HostSpan<float>().ToArray();
                Assert.Equal(expected, y.HostSpan<float>());
            }
    }

    static void AssertMeasuredBlocks(ProcessorCaches caches)
    {
        Assert.Equal(1024, caches.PackedColumns);
        Assert.Equal(576 << 10, new PortableGemmKernel<F32x8>(rounds: false) { Caches = caches }.RowBlockBytes);
    }

    /// <summary>A row of leaf 4 or 0x8000001D, with lines of 64 bytes.</summary>
    static (int Eax, int Ebx, int Ecx, int Edx) Cache(int type, int level, int threads, int ways, int sets) =>
        (type | level << 5 | threads - 1 << 14, ways - 1 << 22 | 63, sets - 1, 0);
}
