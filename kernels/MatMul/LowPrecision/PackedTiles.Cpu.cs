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

    static readonly Lazy<PackedTiles?>[] Emitted = [.. Enum.GetValues<WeightForm>().Select(form => new Lazy<PackedTiles?>(() => Create(form)))];

    readonly nint[] _routines;

    PackedTiles(nint[] routines) => _routines = routines;

    /// <summary>Most rows of a call.</summary>
    public int MaxRows => _routines.Length;

    /// <summary>The tiles of a form under an ISA; null where portable loops take their place.</summary>
    public static PackedTiles? For(CpuIsa isa, WeightForm form) => form switch
    {
        WeightForm.BF16 when CpuIsas.HasBf16(isa) => Emitted[(int)form].Value,
        WeightForm.Int8 or WeightForm.Int4 when isa is CpuIsa.Avx512 or CpuIsa.Avx512Bf16 && Processor.HasVnni => Emitted[(int)form].Value,
        _ => null,
    };

    /// <summary>Rounds rows to bfloat16 pairs, words [steps, rows].</summary>
    public static void PackBF16(float* x, int rows, int inputs, void* panel) =>
        EmittedGemmKernel.OfBf16()!.PackRows(GemmOperand.OfLines(x, inputs), 0, rows, 0, inputs, (float*)panel);

    public void Run(int rows, PackedTileCall* call) =>
        // A tile takes some microseconds, allocates nothing and never waits, so that the garbage collector can wait for it.
        ((delegate* unmanaged[SuppressGCTransition]<PackedTileCall*, void>)_routines[rows - 1])(call);

    static PackedTiles? Create(WeightForm form)
    {
        if (form == WeightForm.BF16 && EmittedGemmKernel.OfBf16() is null) return null;
        var code = new List<byte>();
        var routines = new nint[PackedTileEmitter.MaxRows(form)];
        for (int rows = 1; rows <= routines.Length; rows++)
        {
            while (code.Count % CodeAlignment != 0) code.Add(Int3);
            routines[rows - 1] = code.Count;
            code.AddRange(PackedTileEmitter.Emit(form, rows, OperatingSystem.IsWindows()));
        }
        nint memory = ExecutableMemory.Load(code.ToArray());
        if (memory == 0) return null;
        for (int i = 0; i < routines.Length; i++) routines[i] += memory;
        return new(routines);
    }
}
