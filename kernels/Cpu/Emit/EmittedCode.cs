using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>Brings machine code into memory that can be executed: its address, or zero where the system refuses.</summary>
delegate nint CodeLoader(ReadOnlySpan<byte> code);

/// <summary>
/// The emitted routines of a process, each loaded once, when it is first asked for. A system may refuse executable memory at any time, the first
/// piece or a later one, so an ISA can run here only once all that its products need is loaded: <see cref="Obstacle"/> loads it, and
/// whatever chooses asks there first.
/// </summary>
sealed class EmittedCode
{
    const string Refusal = "the system refuses executable memory";

    static readonly WeightForm[] Forms = Enum.GetValues<WeightForm>();

    readonly Lazy<EmittedGemmKernel?> _avx2, _avx512, _avx512Bf16;
    readonly Lazy<PackedTiles?>[] _packedAvx2, _packedAvxVnni, _packedAvx512;
    readonly Lazy<PackedTiles?> _packedAvx512Widening;

    /// <param name="load">What tests put in the place of <see cref="ExecutableMemory.Load"/>.</param>
    public EmittedCode(CodeLoader load)
    {
        _avx2 = new(() => EmittedGemmKernel.Create(TileFormat.Avx2, load));
        _avx512 = new(() => EmittedGemmKernel.Create(TileFormat.Avx512, load));
        _avx512Bf16 = new(() => _avx512.Value is { } float32 ? EmittedGemmKernel.Create(TileFormat.Avx512Bf16, load, float32) : null);
        _packedAvx2 = Each(form => PackedTiles.Create(PackedTileFormat.Avx2(form), PackedTileFormat.Avx2Wide(form), load));
        _packedAvxVnni = Each(form => PackedTiles.Create(PackedTileFormat.AvxVnni(form), PackedTileFormat.AvxVnniWide(form), load));
        _packedAvx512 = Each(form => PackedTiles.Create(PackedTileFormat.Avx512(form), wide: null, load));
        _packedAvx512Widening = new(() => PackedTiles.Create(PackedTileFormat.Avx512Widening, wide: null, load));
    }

    /// <summary>Those that the system has loaded.</summary>
    public static EmittedCode Machine { get; } = new(ExecutableMemory.Load);

    /// <summary>Why emitted code of an ISA cannot run here; null where it can, and is loaded then.</summary>
    public string? Obstacle(CpuIsa isa)
    {
        if (!CpuIsas.IsEmitted(isa)) return null;
        if (Processor.Obstacle(isa) is { } obstacle) return obstacle;
        bool isLoaded = Float32(isa) is not null && (isa != CpuIsa.Avx512Bf16 || _avx512Bf16.Value is not null);
        foreach (WeightForm form in Forms) isLoaded = isLoaded && (!IsEmitted(form) || Find(isa, form) is not null);
        return isLoaded ? null : Refusal;
    }

    /// <summary>The float32 tiles of an ISA; null where they cannot run.</summary>
    public EmittedGemmKernel? Float32(CpuIsa isa) => Processor.Obstacle(isa) is not null ? null : isa switch
    {
        CpuIsa.Avx2 => _avx2.Value,
        CpuIsa.Avx512 or CpuIsa.Avx512Bf16 => _avx512.Value,
        _ => null,
    };

    /// <summary>The tiles of bfloat16 dot products; null where they cannot run.</summary>
    public EmittedGemmKernel? Bf16() => Processor.Obstacle(CpuIsa.Avx512Bf16) is null ? _avx512Bf16.Value : null;

    /// <summary>The tiles of a form of weights under an ISA; null where portable loops take their place.</summary>
    public PackedTiles? Packed(CpuIsa isa, WeightForm form) => Processor.Obstacle(isa) is null && IsEmitted(form) ? Find(isa, form) : null;

    PackedTiles? Find(CpuIsa isa, WeightForm form) => (form, isa) switch
    {
        (_, CpuIsa.Avx2) => Narrow(form),
        (WeightForm.BF16, CpuIsa.Avx512) => _packedAvx512Widening.Value,
        (WeightForm.Int8 or WeightForm.Int4, CpuIsa.Avx512 or CpuIsa.Avx512Bf16) when !Processor.HasVnni => Narrow(form),
        (_, CpuIsa.Avx512 or CpuIsa.Avx512Bf16) => _packedAvx512[(int)form].Value,
        _ => null,
    };

    /// <summary>Tiles of 256 bits, with dot products of bytes where the processor has them.</summary>
    PackedTiles? Narrow(WeightForm form) =>
        (form is WeightForm.Int8 or WeightForm.Int4 && Processor.HasAvxVnni ? _packedAvxVnni : _packedAvx2)[(int)form].Value;

    static bool IsEmitted(WeightForm form) => form is WeightForm.PackedF32 or WeightForm.BF16 or WeightForm.Int8 or WeightForm.Int4;

    static Lazy<PackedTiles?>[] Each(Func<WeightForm, PackedTiles?> create) => [.. Forms.Select(form => new Lazy<PackedTiles?>(() => create(form)))];
}
