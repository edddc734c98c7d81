using DistillEngine.Core;
using Iced.Intel;

namespace DistillEngine.Kernels;

/// <summary>One kind of emitted tile for products with <see cref="PackedWeight"/>: the form of the weights, the instructions, and what the registers
/// hold.</summary>
/// <param name="Form">A packed one.</param>
/// <param name="VectorBytes">32 or 64.</param>
/// <param name="MaxRows">Rows whose sums fit into the registers; int4 has two sums an element, within a block and over the blocks.</param>
/// <param name="FirstSum">Number of the first register of sums; those before hold weights, inputs and what lies between.</param>
/// <param name="InputRegisters">Registers in which the broadcast words of the rows take turns.</param>
/// <param name="Dot">sum += dot product of a word of weights and a word of inputs, by lanes, or their products by pairs (<see cref="SumsPairs"/>);
/// <see cref="Code.INVALID"/> where the processor has none: then weights are widened to two vectors, of float32 or of pairs of int16, and so are the
/// inputs' words.</param>
/// <param name="Vectors">Vectors of sums in a row: a tile's outputs. Of more than two, the weights come one vector at a time, while the inputs' words
/// of all rows stay in registers.</param>
sealed record PackedTileFormat(WeightForm Form, int VectorBytes, int MaxRows, int FirstSum, int InputRegisters, Code Dot, int Vectors = 2)
{
    /// <summary>For AVX-512, and for forms of fewer bits its dot products of bytes (VNNI) or of bfloat16 pairs.</summary>
    public static PackedTileFormat Avx512(WeightForm form) => form == WeightForm.PackedF32
        ? new(form, 64, 12, 8, 4, Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er)
        : new(form, 64, form == WeightForm.Int4 ? 4 : 8, 16, form == WeightForm.Int4 ? 1 : 4,
        form == WeightForm.BF16 ? Code.EVEX_Vdpbf16ps_zmm_k1z_zmm_zmmm512b32 : Code.EVEX_Vpdpbusd_zmm_k1z_zmm_zmmm512b32);

    /// <summary>For AVX-512 without dot products of bfloat16, or with slow ones.</summary>
    public static PackedTileFormat Avx512Widening { get; } = new(WeightForm.BF16, 64, 12, 8, 1, Code.INVALID);

    /// <summary>For AVX2 with dot products of bytes (AVX-VNNI).</summary>
    /// <param name="form">int8 or int4.</param>
    public static PackedTileFormat AvxVnni(WeightForm form) => form == WeightForm.Int4
        ? new(form, 32, 2, 8, 1, Code.VEX_Vpdpbusd_ymm_ymm_ymmm256)
        : new(form, 32, 6, 4, 2, Code.VEX_Vpdpbusd_ymm_ymm_ymmm256);

    /// <summary>For AVX2 and FMA.</summary>
    public static PackedTileFormat Avx2(WeightForm form) => form == WeightForm.PackedF32
        ? new(form, 32, 6, 4, 2, Code.VEX_Vfmadd231ps_ymm_ymm_ymmm256)
        : new(form, 32, form == WeightForm.Int4 ? 2 : 4, 8, 1, Avx2Dot(form));

    /// <summary>For AVX2 and FMA and few rows: a whole group at a time, so that each cache line comes from memory when it is needed and once.</summary>
    public static PackedTileFormat Avx2Wide(WeightForm form) => form == WeightForm.PackedF32
        ? new(form, 32, 3, 4, 3, Code.VEX_Vfmadd231ps_ymm_ymm_ymmm256, Vectors: 4)
        : new(form, 32, 1, 8, 1, Avx2Dot(form), Vectors: 4);

    /// <summary>The same with dot products of bytes (AVX-VNNI).</summary>
    /// <param name="form">int8 or int4.</param>
    public static PackedTileFormat AvxVnniWide(WeightForm form) => form == WeightForm.Int4
        ? new(form, 32, 1, 8, 1, Code.VEX_Vpdpbusd_ymm_ymm_ymmm256, Vectors: 4)
        : new(form, 32, 3, 4, 3, Code.VEX_Vpdpbusd_ymm_ymm_ymmm256, Vectors: 4);

    /// <summary>Whether edges use mask registers (AVX-512) rather than masks in vector registers.</summary>
    public bool HasMaskRegisters => VectorBytes == 64;

    /// <summary>Whether weights and inputs are widened before they are multiplied.</summary>
    public bool Widens => Dot == Code.INVALID;

    /// <summary>Whether <see cref="Dot"/> gives the sums of two products in int16. Where weights are below 16 and inputs within ±127, those of a block of
    /// 32 inputs stay within ±30,480.</summary>
    public bool SumsPairs => Dot == Code.VEX_Vpmaddubsw_ymm_ymm_ymmm256;

    /// <summary>Words of a row's inputs in a step.</summary>
    public int InputWords => Widens ? 2 : 1;

    /// <summary>Outputs of a tile.</summary>
    public int Outputs => Vectors * VectorBytes / sizeof(float);

    static Code Avx2Dot(WeightForm form) => form == WeightForm.Int4 ? Code.VEX_Vpmaddubsw_ymm_ymm_ymmm256 : Code.INVALID;

    public Register FirstRegister => HasMaskRegisters ? Register.ZMM0 : Register.YMM0;

    public Code Load => HasMaskRegisters ? Code.EVEX_Vmovups_zmm_k1z_zmmm512 : Code.VEX_Vmovups_ymm_ymmm256;

    public Code Store => HasMaskRegisters ? Code.EVEX_Vmovups_zmmm512_k1z_zmm : Code.VEX_Vmovups_ymmm256_ymm;

    public Code Broadcast => HasMaskRegisters ? Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32 : Code.VEX_Vpbroadcastd_ymm_xmmm32;

    public Code Xor => HasMaskRegisters ? Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32 : Code.VEX_Vpxor_ymm_ymm_ymmm256;

    public Code And => HasMaskRegisters ? Code.EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32 : Code.VEX_Vpand_ymm_ymm_ymmm256;

    public Code ShiftRight => HasMaskRegisters ? Code.EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8 : Code.VEX_Vpsrld_ymm_ymm_imm8;

    public Code ShiftLeft => HasMaskRegisters ? Code.EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8 : Code.VEX_Vpslld_ymm_ymm_imm8;

    public Code WidenWords => HasMaskRegisters ? Code.EVEX_Vpmovzxwd_zmm_k1z_ymmm256 : Code.VEX_Vpmovzxwd_ymm_xmmm128;

    public Code ToFloat => HasMaskRegisters ? Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er : Code.VEX_Vcvtdq2ps_ymm_ymmm256;

    public Code MultiplyAdd => HasMaskRegisters ? Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er : Code.VEX_Vfmadd231ps_ymm_ymm_ymmm256;

    public Code Multiply => HasMaskRegisters ? Code.EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er : Code.VEX_Vmulps_ymm_ymm_ymmm256;

    public Code Add => HasMaskRegisters ? Code.EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er : Code.VEX_Vaddps_ymm_ymm_ymmm256;
}
