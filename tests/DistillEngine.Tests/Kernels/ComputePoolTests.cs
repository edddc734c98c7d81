using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public unsafe class ComputePoolTests
{
    [Theory]
    [InlineData(1, 7)]
    [InlineData(2, 1)]
    [InlineData(2, 7)]
    [InlineData(5, 3)]
    [InlineData(3, 64)]
    public void Run_DoesEveryPartOnce_OnItsFixedThread(int threads, int parts)
    {
        using var pool = new ComputePool(threads);
        for (int round = 0; round < 200; round++)
        {
            int[] seen = new int[parts];
            fixed (int* p = seen) pool.Run(parts, &Mark, p);
            for (int part = 0; part < parts; part++)
                Assert.Equal(100 + (parts == 1 ? 0 : part % threads), seen[part]);
        }

        static void Mark(void* context, int part, int thread) => ((int*)context)[part] += 100 + thread;
    }

    /// <summary>Threads without a part miss runs, awake or asleep, and take part in the next.</summary>
    [Fact]
    public void Run_WithFewerPartsThanThreadsInTurns_DoesEveryPartOnce()
    {
        const int threads = 6;
        using var pool = new ComputePool(threads);
        for (int round = 0; round < 3000; round++)
        {
            int parts = 2 + round * 7 % (2 * threads);
            int[] seen = new int[parts];
            fixed (int* p = seen) pool.Run(parts, &Mark, p);
            Assert.All(seen, (count, part) => Assert.Equal(100 + part % threads, count));
            if (round % 500 == 0) Thread.Sleep(5);
        }

        static void Mark(void* context, int part, int thread) => Interlocked.Add(ref ((int*)context)[part], 100 + thread);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 3)]
    [InlineData(2, 1)]
    [InlineData(2, 4)]
    public void Run_ComputesWithoutDenormals_AndLeavesTheCallerItsOwn(int threads, int parts)
    {
        if (!DenormalFlush.IsSupported) Assert.Skip("Emitted code cannot run here.");
        using var pool = new ComputePool(threads);
        var products = new Products { Small = 1e-20f, Smaller = 1e-19f, Denormal = 1e-39f };
        pool.Run(parts, &Multiply, &products);
        for (int part = 0; part < parts; part++) Assert.Equal((0f, 0f), (products.Results[2 * part], products.Results[2 * part + 1]));
        Multiply(&products, 0, 0);
        Assert.True(products.Results[0] > 0 && products.Results[1] > 0);
        Assert.Throws<InvalidOperationException>(() => pool.Run(parts, &Throw, null));
        Multiply(&products, 0, 0);
        Assert.True(products.Results[0] > 0 && products.Results[1] > 0);

        // One whose result is denormal, one with a denormal factor.
        static void Multiply(void* context, int part, int thread)
        {
            var to = (Products*)context;
            to->Results[2 * part] = to->Small * to->Smaller;
            to->Results[2 * part + 1] = to->Denormal * 1e20f;
        }

        static void Throw(void* context, int part, int thread) => throw new InvalidOperationException();
    }

    /// <summary>The factors are no constants: compiled within a run, a denormal constant is zero for good.</summary>
    struct Products
    {
        public float Small, Smaller, Denormal;

        public fixed float Results[8];
    }

    [Fact]
    public void Run_WhenAPartThrows_ThrowsItOnTheCallerAndStaysUsable()
    {
        using var pool = new ComputePool(2);
        for (int round = 0; round < 3; round++)
        {
            Assert.Throws<InvalidOperationException>(() => pool.Run(4, &Throw, null));
            int count = 0;
            pool.Run(2, &Add, &count);
            Assert.Equal(2, count);
        }

        static void Throw(void* context, int part, int thread)
        {
            if (part == 3) throw new InvalidOperationException("part 3");
        }

        static void Add(void* context, int part, int thread) => Interlocked.Increment(ref *(int*)context);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(2, 4)]
    public void Run_AfterDispose_Throws(int threads, int parts)
    {
        var pool = new ComputePool(threads);
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Run(parts, &Nothing, null));

        static void Nothing(void* context, int part, int thread)
        {
        }
    }

    [Fact]
    public void Run_WhileAnotherCallersIsNotDone_Throws()
    {
        using var pool = new ComputePool(2);
        int[] flags = GC.AllocateArray<int>(2, pinned: true);
        var other = new Thread(() => Start(pool, flags));
        other.Start();
        while (Volatile.Read(ref flags[0]) == 0) Thread.Yield();
        try
        {
            Assert.Throws<InvalidOperationException>(() => Start(pool, flags));
        }
        finally
        {
            Volatile.Write(ref flags[1], 1);
            other.Join();
        }
        // And is usable once the other is done.
        Start(pool, flags);

        static void Start(ComputePool pool, int[] flags)
        {
            fixed (int* p = flags) pool.Run(2, &Hold, p);
        }

        static void Hold(void* context, int part, int thread)
        {
            int* flags = (int*)context;
            Volatile.Write(ref flags[0], 1);
            while (Volatile.Read(ref flags[1]) == 0) Thread.Yield();
        }
    }

    [Fact]
    public void ThreadScratch_AfterAGrowthThatTheSystemRefused_StaysUsable()
    {
        using var pool = new ComputePool(1);
        *(byte*)pool.ThreadScratch(0, 100) = 1;
        Assert.Throws<InsufficientMemoryException>(() => (nint)pool.ThreadScratch(0, 1L << 60));
        *(byte*)pool.ThreadScratch(0, 50) = 1;
    }

    [Fact]
    public void Run_AfterWarmUp_AllocatesNothing()
    {
        using var pool = new ComputePool(2);
        int count = 0;
        pool.Run(2, &Add, &count);
        Assert.Equal(0, Allocations.Of(() =>
        {
            int counted = 0;
            for (int i = 0; i < 1000; i++) pool.Run(2, &Add, &counted);
        }));

        static void Add(void* context, int part, int thread) => Interlocked.Increment(ref *(int*)context);
    }
}
