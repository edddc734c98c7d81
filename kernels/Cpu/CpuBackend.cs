using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>The processor as a device: memory is host memory, matrix products run as machine code
/// emitted for the processor where that is chosen, and every other op as a portable SIMD kernel of one width.</summary>
public sealed unsafe class CpuBackend : IBackend
{
    readonly ComputePool _pool;

    /// <param name="isa">The kernels; one without an obstacle.</param>
    /// <param name="threads">Compute threads, the caller included; 1 … 1,024.</param>
    /// <param name="precision">Operands of products; forward products of few rows, as in decoding, or few inputs multiply in float32.</param>
    /// <exception cref="NotSupportedException">This machine cannot run the kernels, or no processor multiplies in that precision.</exception>
    public CpuBackend(CpuIsa isa, int threads, ComputePrecision precision = ComputePrecision.F32) : this(isa, threads, precision, EmittedCode.Machine)
    {
    }

    /// <param name="code">The emitted products.</param>
    internal CpuBackend(CpuIsa isa, int threads, ComputePrecision precision, EmittedCode code)
    {
        if (precision == ComputePrecision.Tf32) throw new NotSupportedException("cpu: processors do not multiply tf32; take f32 or bf16.");
        _pool = new ComputePool(threads);
        Precision = precision;
        EmulatesPrecision = precision == ComputePrecision.Bf16 && !CpuIsas.HasBf16(isa);
        string suffix = precision == ComputePrecision.F32 ? "" : EmulatesPrecision ? "+bf16-emulated" : "+bf16";
        Name = $"cpu/{CpuIsas.Name(isa)}{suffix}";
        Kernels = CpuIsas.Width(isa) switch
        {
            CpuIsa.Vector512 => Create<F32x16>(isa, _pool, precision, code),
            CpuIsa.Vector256 => Create<F32x8>(isa, _pool, precision, code),
            CpuIsa.Vector128 => Create<F32x4>(isa, _pool, precision, code),
            _ => Create<F32x1>(isa, _pool, precision, code),
        };
    }

    /// <summary>The kernels that suit this processor, or those that <see cref="CpuIsas.Variable"/> names.</summary>
    /// <param name="threads">0 takes every processor the process may use.</param>
    /// <param name="precision">As in the constructor.</param>
    public static CpuBackend Open(int threads = 0, ComputePrecision precision = ComputePrecision.F32) =>
        new(CpuIsas.Choose(), threads == 0 ? Environment.ProcessorCount : threads, precision);

    /// <summary>The largest blocks that products of an ISA pack: rows of the left factor, words of the contracted axis, columns of the right factor.</summary>
    /// <exception cref="NotSupportedException">This machine cannot run them.</exception>
    public static (int Rows, int Words, int Columns) ProductBlocks(CpuIsa isa)
    {
        GemmKernel kernel = CpuIsas.Width(isa) switch
        {
            CpuIsa.Vector512 => GemmKernel.For<F32x16>(isa),
            CpuIsa.Vector256 => GemmKernel.For<F32x8>(isa),
            CpuIsa.Vector128 => GemmKernel.For<F32x4>(isa),
            _ => GemmKernel.For<F32x1>(isa),
        };
        return (kernel.RowBlock(Gemm.PackedWords), Gemm.PackedWords, kernel.Caches.PackedColumns);
    }

    /// <summary>The kernels, and where products take bfloat16 operands whether the processor has such products: <c>cpu/avx2</c>,
    /// <c>cpu/avx512-bf16+bf16</c>, <c>cpu/avx2+bf16-emulated</c>.</summary>
    public string Name { get; }

    public ComputePrecision Precision { get; }

    public bool EmulatesPrecision { get; }

    public KernelSet Kernels { get; }

    public int ThreadCount => _pool.ThreadCount;

    public DeviceBuffer Allocate(long byteLength, string purpose) => new HostBuffer(byteLength, purpose);

    public void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged
    {
        Check.Upload(host, destination);
        host.CopyTo(new(destination.HostPointer<T>(), host.Length));
    }

    public void Download<T>(Tensor source, Span<T> host) where T : unmanaged
    {
        Check.Download<T>(source, host);
        source.HostSpan<T>().CopyTo(host);
    }

    public void BeginDownload(Tensor source, Tensor host) => source.CopyTo(host);

    public void Fill(Tensor destination, float value)
    {
        Check.ElementSize<float>(destination, "fill");
        MemoryFill.Run(_pool, destination.HostPointer<float>(), destination.Count, value);
    }

    public void Synchronize()
    {
        // Every op has returned when its work is done.
    }

    public void Dispose() => _pool.Dispose();

    static KernelSet Create<TVector>(CpuIsa isa, ComputePool pool, ComputePrecision precision, EmittedCode code)
        where TVector : struct, IVectorF32<TVector>
    {
        var gemm = new Gemm(pool, GemmKernel.For<TVector>(isa, precision, code));
        return new()
        {
            MatMul = new MatMulCpu<TVector>(pool, gemm, isa, code),
            RmsNorm = new RmsNormCpu<TVector>(pool),
            Attention = new AttentionCpu<TVector>(pool),
            Relu = new ReluCpu<TVector>(pool),
            GatedGelu = new GatedGeluCpu<TVector>(pool),
            Embedding = new EmbeddingCpu<TVector>(pool),
            Dropout = new DropoutCpu<TVector>(pool),
            ResidualAdd = new ResidualAddCpu<TVector>(pool),
            LinearCrossEntropy = new LinearCrossEntropyCpu<TVector>(pool, gemm),
            RowScatter = new RowScatterCpu<TVector>(pool),
            NextToken = new NextTokenCpu(pool),
            GradientNorm = new GradientNormCpu<TVector>(pool),
            AdamW = new AdamWCpu<TVector>(pool),
            Adafactor = new AdafactorCpu<TVector>(pool),
        };
    }
}
