using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Products with packed weights of one form as machine code written for this processor, one routine for each number of rows. The code is
/// written once a process.
/// </summary>
sealed unsafe class PackedTiles
{
    // A fetch block of every processor: routines begin where no other one ends.
    const int CodeAlignment = 64;

    const byte Int3 = 0xCC; // Between routines: a stray jump stops.

    static readonly WeightForm[] Forms = Enum.GetValues<WeightForm>();

    static readonly Lazy<PackedTiles?>[] Avx512 = Each(form => Create(PackedTileFormat.Avx512(form))),
        AvxVnni = Each(form => Create(PackedTileFormat.AvxVnni(form), PackedTileFormat.AvxVnniWide(form))),
        Avx2 = Each(form => Create(PackedTileFormat.Avx2(form), PackedTileFormat.Avx2Wide(form)));

    static readonly Lazy<PackedTiles?> Avx512Widening = new(() => Create(PackedTileFormat.Avx512Widening));

    readonly PackedTileFormat _format;
    readonly nint[] _routines;
    readonly PackedTiles? _wide;

    PackedTiles(PackedTileFormat format, nint[] routines, PackedTiles? wide) => (_format, _routines, _wide) = (format, routines, wide);

    /// <summary>Most rows of a call.</summary>
    public int MaxRows => _routines.Length;

    /// <summary>Whether missing outputs are told lane by lane (<see cref="PackedTileCall.LaneMasks"/>).</summary>
    public bool MasksLanes => !_format.HasMaskRegisters;

    /// <summary>Outputs of a call: a group of the packed weights or half of one.</summary>
    public int Outputs => _format.Outputs;

    /// <inheritdoc cref="PackedTileFormat.InputWords"/>
    public int InputWords => _format.InputWords;

    /// <summary>The tiles of a form under an ISA; null where portable loops take their place.</summary>
    public static PackedTiles? For(CpuIsa isa, WeightForm form) => (form, isa) switch
    {
        (WeightForm.PackedF32, CpuIsa.Avx512 or CpuIsa.Avx512Bf16) => EmittedGemmKernel.OfFloat32(isa) is null ? null : Avx512[(int)form].Value,
        (WeightForm.PackedF32, CpuIsa.Avx2) => Narrow(form),
        (WeightForm.BF16, CpuIsa.Avx512Bf16) => EmittedGemmKernel.OfBf16() is null ? null : Avx512[(int)form].Value,
        (WeightForm.BF16, CpuIsa.Avx512) => EmittedGemmKernel.OfFloat32(isa) is null ? null : Avx512Widening.Value,
        (WeightForm.BF16, CpuIsa.Avx2) => Narrow(form),
        (WeightForm.Int8 or WeightForm.Int4, CpuIsa.Avx512 or CpuIsa.Avx512Bf16) => Processor.HasVnni ? Avx512[(int)form].Value : Narrow(form),
        (WeightForm.Int8 or WeightForm.Int4, CpuIsa.Avx2) => Narrow(form),
        _ => null,
    };

    /// <summary>The tiles of this form that take so many rows best; the bits are the same.</summary>
    public PackedTiles ForRows(int rows) => _wide is not null && rows <= _wide.MaxRows ? _wide : this;

    /// <summary>Tiles of a format that this processor has; null where it refuses executable memory.</summary>
    /// <param name="wide">Of the same form and input words, for few rows.</param>
    public static PackedTiles? Create(PackedTileFormat format, PackedTileFormat? wide = null)
    {
        var code = new List<byte>();
        var routines = new nint[format.MaxRows];
        for (int rows = 1; rows <= routines.Length; rows++)
        {
            while (code.Count % CodeAlignment != 0) code.Add(Int3);
            routines[rows - 1] = code.Count;
            code.AddRange(PackedTileEmitter.Emit(format, rows, OperatingSystem.IsWindows()));
        }
        nint memory = ExecutableMemory.Load(code.ToArray());
        if (memory == 0) return null;
        for (int i = 0; i < routines.Length; i++) routines[i] += memory;
        return new(format, routines, wide is null ? null : Create(wide));
    }

    /// <summary>Rounds rows to bfloat16 pairs, words [steps, rows].</summary>
    public static void PackBF16(float* x, int rows, int inputs, void* panel) =>
        EmittedGemmKernel.OfBf16()!.PackRows(GemmOperand.OfLines(x, inputs), 0, rows, 0, inputs, (float*)panel);

    public void Run(int rows, PackedTileCall* call) =>
        // A tile takes some microseconds, allocates nothing and never waits, so that the garbage collector can wait for it.
        ((delegate* unmanaged[SuppressGCTransition]<PackedTileCall*, void>)_routines[rows - 1])(call);

    public override string ToString() => _format.ToString();

    /// <summary>Tiles of 256 bits, with dot products of bytes where the processor has them.</summary>
    static PackedTiles? Narrow(WeightForm form)
    {
        if (Processor.Obstacle(CpuIsa.Avx2) is not null) return null;
        return (form is WeightForm.Int8 or WeightForm.Int4 && Processor.HasAvxVnni ? AvxVnni : Avx2)[(int)form].Value;
    }

    static Lazy<PackedTiles?>[] Each(Func<WeightForm, PackedTiles?> create) => [.. Forms.Select(form => new Lazy<PackedTiles?>(() => create(form)))];
}
