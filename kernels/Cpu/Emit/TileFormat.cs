using Iced.Intel;

namespace DistillEngine.Kernels;

/// <summary>
/// One kind of emitted tile: the instructions, and how many registers the sums take. Each word of a packed panel is 4 bytes: one float32,
/// or two bfloat16 that follow each other along the contracted axis.
/// </summary>
/// <param name="Isa">What the instructions belong to.</param>
/// <param name="VectorBytes">32 or 64.</param>
/// <param name="Rows">Most rows of a tile. Rows × two vectors of sums, two vectors of the right factor and at least two of the left one are
/// all the registers.</param>
/// <param name="StepsPerWord">Steps of the contracted axis in a word: 1, or 2 for bfloat16.</param>
/// <param name="FirstRegister">The vector register with number 0.</param>
/// <param name="Stream">A store past the caches, of a whole aligned vector.</param>
/// <param name="MultiplyAdd">sum += left · right, by lanes.</param>
sealed record TileFormat(CpuIsa Isa, int VectorBytes, int Rows, int StepsPerWord, Register FirstRegister,
    Code Load, Code Store, Code Stream, Code Broadcast, Code Zero, Code Add, Code MultiplyAdd)
{
    /// <summary>Vectors of a full tile's row.</summary>
    public const int Vectors = 2;

    /// <summary>Float32 sums in a vector.</summary>
    public int Lanes => VectorBytes / sizeof(float);

    /// <summary>Whether edges use mask registers (AVX-512) rather than masks in vector registers (AVX2).</summary>
    public bool HasMaskRegisters => VectorBytes == 64;

    /// <summary>Whether half of the rows' instructions take one number from memory as a whole vector (AVX-512's embedded broadcast): fewer
    /// instructions beside the arithmetic, which take time where the core's other thread is busy, and not more loads than go with it. A core that
    /// hands out enough of them is faster with fewer loads (measured on Zen 5). An element's bits do not depend on it.</summary>
    public bool BroadcastsOperands { get; init; }

    /// <summary>What asks for a line to come: into the second cache, or into the first one, too. The first one keeps few lines until they are needed, but
    /// Zen 5 brings more of them in time (measured: products whose factors and results come from memory take 1 to 5 % less time).</summary>
    public Code Ask { get; init; } = Processor.IsZen5OrLater ? Code.Prefetcht0_m8 : Code.Prefetcht1_m8;

    public static TileFormat Avx2 { get; } = new(CpuIsa.Avx2, 32, 6, 1, Register.YMM0, Code.VEX_Vmovups_ymm_ymmm256, Code.VEX_Vmovups_ymmm256_ymm,
        Code.VEX_Vmovntps_m256_ymm, Code.VEX_Vbroadcastss_ymm_m32, Code.VEX_Vxorps_ymm_ymm_ymmm256, Code.VEX_Vaddps_ymm_ymm_ymmm256, Code.VEX_Vfmadd231ps_ymm_ymm_ymmm256);

    public static TileFormat Avx512 { get; } = new(CpuIsa.Avx512, 64, 12, 1, Register.ZMM0, Code.EVEX_Vmovups_zmm_k1z_zmmm512,
        Code.EVEX_Vmovups_zmmm512_k1z_zmm, Code.EVEX_Vmovntps_m512_zmm, Code.EVEX_Vbroadcastss_zmm_k1z_xmmm32,
        Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Code.EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er, Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er)
    {
        BroadcastsOperands = !Processor.IsZen5OrLater,
    };

    public static TileFormat Avx512Bf16 { get; } = Avx512 with
    {
        Isa = CpuIsa.Avx512Bf16,
        StepsPerWord = 2,
        MultiplyAdd = Code.EVEX_Vdpbf16ps_zmm_k1z_zmm_zmmm512b32,
    };
}
