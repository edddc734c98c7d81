using ILGPU;
using ILGPU.Runtime;
using Launch = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<DistillEngine.Kernels.Word4>,
    ILGPU.ArrayView<DistillEngine.Kernels.Word4>, ILGPU.ArrayView<float>, DistillEngine.Kernels.PipelineCall>;
using RoundLaunch = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, int, int, int, int,
    ILGPU.ArrayView<DistillEngine.Kernels.Word4>>;

namespace DistillEngine.Kernels;

/// <summary>Tiles that first round both factors into memory of their own and then multiply by <see cref="MatMulPipeline"/>.</summary>
sealed class PipelineTileSet : MatMulTileSet
{
    readonly int _depth, _stages, _threads, _sharedWords;
    readonly DeviceKernel<RoundLaunch> _round;
    readonly DeviceKernel<Launch>[] _kernels;

    PipelineTileSet(int rows, int columns, int depth, int stages, int threads, int sharedWords, DeviceKernel<RoundLaunch> round,
        params DeviceKernel<Launch>[] kernels) : base(rows, columns) =>
        (_depth, _stages, _threads, _sharedWords, _round, _kernels) = (depth, stages, threads, sharedWords, round, kernels);

    /// <inheritdoc/>
    /// <remarks>And the steps of a slice and how many slices.</remarks>
    public override string Name => $"{base.Name}x{_depth} in {_stages} stages";

    /// <summary>The tile; null where the device has not the shared memory.</summary>
    public static PipelineTileSet? TryCreate<TTile, TCore>(Gpu gpu) where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore
    {
        int threads = MatMulTensorTile.Threads<TTile>(), words = MatMulPipeline.SharedWords<TTile, TCore>(), bytes = words * sizeof(int);
        if (bytes > gpu.MostSharedBytes) return null;
        return new(TTile.WarpsDown * TTile.WarpRows, TTile.WarpsAcross * TTile.WarpColumns, TTile.Depth, TTile.Stages, threads, words,
            gpu.Kernel<RoundLaunch>(OperandRounding.Round<TCore>),
            gpu.Kernel<Launch>(MatMulPipeline.Multiply<TTile, TCore, Lines, Lines>, threads, bytes),
            gpu.Kernel<Launch>(MatMulPipeline.Multiply<TTile, TCore, Lines, Steps>, threads, bytes),
            gpu.Kernel<Launch>(MatMulPipeline.Multiply<TTile, TCore, Steps, Steps>, threads, bytes));
    }

    public override void Launch(Gpu gpu, MatMulProduct product, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, MatMulCall call)
    {
        var ofA = new Factor(call.Rows, call.Depth, product != MatMulProduct.BackwardWeight);
        var ofB = new Factor(call.Columns, call.Depth, product == MatMulProduct.Forward);
        long total = (ofA.ChunkCount + ofB.ChunkCount) * Interop.SizeOf<Word4>();
        ArrayView<Word4> roundedA = gpu.ProductScratch.View<Word4>(0, ofA.ChunkCount, total);
        ArrayView<Word4> roundedB = gpu.ProductScratch.View<Word4>(ofA.ChunkCount, ofB.ChunkCount, total);
        if (call.Depth > 0)
        {
            Round(gpu, a, call.StrideA, call.VectorsA, ofA, roundedA);
            Round(gpu, b, call.StrideB, call.VectorsB, ofB, roundedB);
        }
        call.StrideA = ofA.Chunks;
        call.StrideB = ofB.Chunks;
        _kernels[(int)product].Launch(gpu.Stream,
            new KernelConfig(new Index3D(checked((int)BlockCount(call.Rows, call.Columns)), 1, 1), new Index3D(_threads, 1, 1),
                SharedMemoryConfig.RequestDynamic<int>(_sharedWords)),
            roundedA, roundedB, c,
            new()
            {
                Product = call,
                AddressA = roundedA.LoadEffectiveAddressAsPtr(),
                AddressB = roundedB.LoadEffectiveAddressAsPtr(),
                PairsC = c.LoadEffectiveAddressAsPtr() % 8 == 0 && call.StrideC % 2 == 0 && call.Columns % 2 == 0 ? 1 : 0,
            });
    }

    void Round(Gpu gpu, ArrayView<float> from, int stride, int vectors, Factor factor, ArrayView<Word4> to) =>
        _round.Launch(gpu.Stream, gpu.Elements(factor.ChunkCount), from, stride, factor.Length, vectors, factor.Chunks, to);

    /// <summary>How a factor lies in memory.</summary>
    readonly record struct Factor(int Lines, int Depth, bool LinesAreContiguous)
    {
        /// <summary>Elements of the contiguous axis.</summary>
        public int Length => LinesAreContiguous ? Depth : Lines;

        /// <summary>Chunks of that axis.</summary>
        public int Chunks => (Length + MatMulPipeline.Chunk - 1) / MatMulPipeline.Chunk;

        public long ChunkCount => (long)Chunks * (LinesAreContiguous ? Lines : Depth);
    }
}
