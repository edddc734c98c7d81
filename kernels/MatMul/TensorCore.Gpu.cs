using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace DistillEngine.Kernels;

/// <summary>
/// What a warp of 32 threads does together on matrices in shared memory, for one type of operands. Words are 32 bits: two bf16 numbers, the
/// earlier one in the lower half, or one tf32 number. All threads of the group must call <see cref="Load"/>, <see cref="LoadSteps"/> and
/// <see cref="MultiplyAdd"/>.
/// </summary>
interface ITensorCore
{
    /// <summary>Operands in a word: 2 or 1.</summary>
    static abstract int Packed { get; }

    /// <summary>Words of shared memory behind the tiles that a warp needs to exchange fragments; 0 on a device, which has instructions.</summary>
    static abstract int ExchangeWords { get; }

    /// <summary>What <see cref="Load"/> and <see cref="LoadSteps"/> take to find the kernel's shared memory.</summary>
    static abstract int AddressOfShared();

    /// <summary>The same number, computed where this stands: ILGPU moves arithmetic into the loops that use its results, and loops of long
    /// bodies are not unrolled.</summary>
    static abstract int Here(int value);

    /// <summary>A word of rounded operands: to nearest; ties to even in bf16, away from zero in tf32. Where words hold one operand, the later
    /// is ignored.</summary>
    static abstract int Pack(float earlier, float later);

    /// <summary>
    /// Loads four 8 × 4 matrices of words. Lane l names row l % 8 of matrix l / 8 and receives from matrix i the word (l / 4, l % 4) in
    /// part[at + i].
    /// </summary>
    /// <param name="address">From <see cref="AddressOfShared"/>.</param>
    /// <param name="word">First word of the row that this lane names; a multiple of 4.</param>
    /// <param name="exchange"><see cref="ExchangeWords"/> for each warp of the group.</param>
    static abstract void Load(ArrayView<int> shared, int address, int word, ArrayView<int> part, int at, ArrayView<int> exchange);

    /// <summary>Loads 16 lines and 8 words of depth, as <see cref="MultiplyAdd"/> wants them, from lines that lie side by side in each step.</summary>
    /// <param name="word">The word that this lane reads first, of tf32; the first of the row that it names as in <see cref="Load"/>, of bf16, whose
    /// matrices are 8 steps of 8 lines that the instruction transposes.</param>
    /// <param name="stride">Words between steps.</param>
    /// <param name="lowerLines">Register of lines 8 … 15 and words 0 … 3; 3 less this is that of lines 0 … 7 and words 4 … 7.</param>
    static abstract void LoadSteps(
        ArrayView<int> shared, int address, int word, int stride, int lowerLines, ArrayView<int> part, int at, ArrayView<int> exchange);

    /// <summary>
    /// sums[at … at + 7] += a bᵀ for 16 lines each and 8 words of depth. With g = lane / 4 and t = lane % 4 the sums are (g, 2t), (g, 2t + 1),
    /// (g + 8, 2t), (g + 8, 2t + 1), then the same 8 columns on. The part of a holds its words (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4),
    /// that of b (g, t), (g, t + 4), (g + 8, t), (g + 8, t + 4): what an instruction takes lies side by side.
    /// </summary>
    /// <remarks>Source: PTX ISA, "Matrix Fragments for mma.m16n8k16" (bf16) and "… m16n8k8" (tf32).</remarks>
    static abstract void MultiplyAdd(ArrayView<float> sums, int at, ArrayView<int> partA, int atA, ArrayView<int> partB, int atB, ArrayView<int> exchange);
}

/// <summary>Beside products, copies from memory to shared memory that a thread queues and does not wait for, in groups that arrive in order.</summary>
interface IPipelineCore : ITensorCore
{
    /// <summary>Called by every thread before its first copy.</summary>
    static abstract void Begin(ArrayView<int> exchange);

    /// <summary>Queues a copy of 16 bytes.</summary>
    /// <param name="fromAddress">Where <paramref name="from"/> lies.</param>
    /// <param name="chunk">Which 16 bytes of it.</param>
    /// <param name="bytes">16, or 0: then zeros are written and nothing is read.</param>
    /// <param name="address">From <see cref="ITensorCore.AddressOfShared"/>.</param>
    /// <param name="word">First word in shared memory; a multiple of 4.</param>
    static abstract void Copy(ArrayView<Word4> from, long fromAddress, long chunk, int bytes, ArrayView<int> shared, int address, int word,
        ArrayView<int> exchange);

    /// <summary>Ends a group of this thread's copies, which may be empty.</summary>
    static abstract void Commit(ArrayView<int> exchange);

    /// <summary>Waits for this thread's groups but the last.</summary>
    static abstract void WaitForAllButOne(ArrayView<int> shared, ArrayView<int> exchange);

    /// <summary>Waits for this thread's groups but the last two.</summary>
    static abstract void WaitForAllButTwo(ArrayView<int> shared, ArrayView<int> exchange);
}

/// <summary>bf16 operands on CUDA devices of compute capability 8.0 and above.</summary>
readonly struct CudaBf16 : IPipelineCore
{
    public static int Packed => 2;
    public static int ExchangeWords => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int AddressOfShared() => CudaShared.Address();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Here(int value) => CudaShared.Here(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Pack(float earlier, float later)
    {
        CudaAsm.Emit("cvt.rn.bf16x2.f32 %0, %2, %1;", out int word, earlier, later);
        return word;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(ArrayView<int> shared, int address, int word, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        CudaShared.Load(address, word, part, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadSteps(
        ArrayView<int> shared, int address, int word, int stride, int lowerLines, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        CudaShared.LoadTransposed(address, word, part, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ArrayView<float> sums, int at, ArrayView<int> partA, int atA, ArrayView<int> partB, int atB, ArrayView<int> exchange) =>
        CudaShared.MultiplyAdd<CudaBf16>(sums, at, partA, atA, partB, atB);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Begin(ArrayView<int> exchange)
    {
    }

    /// <inheritdoc cref="IPipelineCore.Copy"/>
    /// <remarks>Past the first cache (cg): what a group reads, other multiprocessors read, too.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(ArrayView<Word4> from, long fromAddress, long chunk, int bytes, ArrayView<int> shared, int address, int word,
        ArrayView<int> exchange) =>
        CudaAsm.Emit("cp.async.cg.shared.global [%0], [%1], 16, %2;", address + word * sizeof(int), fromAddress + chunk * 16, bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Commit(ArrayView<int> exchange) => CudaAsm.Emit("cp.async.commit_group;");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAllButOne(ArrayView<int> shared, ArrayView<int> exchange) => CudaAsm.Emit("cp.async.wait_group 1;");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAllButTwo(ArrayView<int> shared, ArrayView<int> exchange) => CudaAsm.Emit("cp.async.wait_group 2;");
}

/// <summary>tf32 operands, which have float32's exponent and 11 significant bits, on CUDA devices of compute capability 8.0 and above.</summary>
readonly struct CudaTf32 : ITensorCore
{
    public static int Packed => 1;
    public static int ExchangeWords => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int AddressOfShared() => CudaShared.Address();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Here(int value) => CudaShared.Here(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Pack(float earlier, float later)
    {
        CudaAsm.Emit("cvt.rna.tf32.f32 %0, %1;", out int word, earlier);
        return word;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(ArrayView<int> shared, int address, int word, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        CudaShared.Load(address, word, part, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadSteps(
        ArrayView<int> shared, int address, int word, int stride, int lowerLines, ArrayView<int> part, int at, ArrayView<int> exchange) =>
        Tf32Steps.Load(shared, word, stride, lowerLines, part, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ArrayView<float> sums, int at, ArrayView<int> partA, int atA, ArrayView<int> partB, int atB, ArrayView<int> exchange) =>
        CudaShared.MultiplyAdd<CudaTf32>(sums, at, partA, atA, partB, atB);
}

/// <summary>Fragments of slices that hold tf32 step by step, which no instruction transposes: each lane reads its own words.</summary>
static class Tf32Steps
{
    /// <inheritdoc cref="ITensorCore.LoadSteps"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(ArrayView<int> shared, int word, int stride, int lowerLines, ArrayView<int> part, int at)
    {
        part[at] = shared[word];
        part[at + lowerLines] = shared[word + 8];
        part[at + 3 - lowerLines] = shared[word + 4 * stride];
        part[at + 3] = shared[word + 4 * stride + 8];
    }
}

/// <summary>What both types of operands share.</summary>
static class CudaShared
{
    /// <summary>Stands in the generated code for the name of the kernel's shared memory, which ILGPU makes up.</summary>
    public const string Placeholder = "SHARED_MEMORY_OF_THE_KERNEL";

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Address()
    {
        CudaAsm.Emit($"mov.u32 %0, {Placeholder};", out int address);
        return address;
    }

    /// <inheritdoc cref="ITensorCore.Here"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Here(int value)
    {
        CudaAsm.Emit("mov.b32 %0, %1;", out int same, value);
        return same;
    }

    /// <inheritdoc cref="ITensorCore.Load"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(int address, int word, ArrayView<int> part, int at)
    {
        Output<int> r0 = default, r1 = default, r2 = default, r3 = default;
        Input<int> from = address + word * sizeof(int);
        CudaAsm.EmitRef("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];", ref r0, ref r1, ref r2, ref r3, ref from);
        Keep(part, at, r0.Value, r1.Value, r2.Value, r3.Value);
    }

    /// <summary>The same of matrices of 8 × 8 bf16 numbers, each transposed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadTransposed(int address, int word, ArrayView<int> part, int at)
    {
        Output<int> r0 = default, r1 = default, r2 = default, r3 = default;
        Input<int> from = address + word * sizeof(int);
        CudaAsm.EmitRef("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];", ref r0, ref r1, ref r2, ref r3, ref from);
        Keep(part, at, r0.Value, r1.Value, r2.Value, r3.Value);
    }

    /// <inheritdoc cref="ITensorCore.MultiplyAdd"/>
    /// <remarks>ILGPU takes instructions as literals alone, so the type chooses between two rather than name its own.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd<TCore>(ArrayView<float> sums, int at, ArrayView<int> partA, int atA, ArrayView<int> partB, int atB)
        where TCore : struct, ITensorCore
    {
        Ref<float> s0 = sums[at], s1 = sums[at + 1], s2 = sums[at + 2], s3 = sums[at + 3];
        Ref<float> s4 = sums[at + 4], s5 = sums[at + 5], s6 = sums[at + 6], s7 = sums[at + 7];
        Input<int> a0 = partA[atA], a1 = partA[atA + 1], a2 = partA[atA + 2], a3 = partA[atA + 3];
        Input<int> b0 = partB[atB], b1 = partB[atB + 1], b2 = partB[atB + 2], b3 = partB[atB + 3];
        if (TCore.Packed == 2)
        {
            CudaAsm.EmitRef("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%8,%9,%10,%11}, {%12,%13}, {%0,%1,%2,%3};\n"
                + "\tmma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%4,%5,%6,%7}, {%8,%9,%10,%11}, {%14,%15}, {%4,%5,%6,%7};",
                ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7, ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3);
        }
        else
        {
            CudaAsm.EmitRef("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%8,%9,%10,%11}, {%12,%13}, {%0,%1,%2,%3};\n"
                + "\tmma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%4,%5,%6,%7}, {%8,%9,%10,%11}, {%14,%15}, {%4,%5,%6,%7};",
                ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7, ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3);
        }
        sums[at] = s0.Value;
        sums[at + 1] = s1.Value;
        sums[at + 2] = s2.Value;
        sums[at + 3] = s3.Value;
        sums[at + 4] = s4.Value;
        sums[at + 5] = s5.Value;
        sums[at + 6] = s6.Value;
        sums[at + 7] = s7.Value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Keep(ArrayView<int> part, int at, int r0, int r1, int r2, int r3)
    {
        part[at] = r0;
        part[at + 1] = r1;
        part[at + 2] = r2;
        part[at + 3] = r3;
    }
}
