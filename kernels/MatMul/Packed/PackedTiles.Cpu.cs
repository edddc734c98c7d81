namespace DistillEngine.Kernels;

/// <summary>
/// Products with packed weights of one form as machine code written for this processor, one routine for each number of rows.
/// <see cref="EmittedCode"/> holds them.
/// </summary>
sealed unsafe class PackedTiles
{
    // A fetch block of every processor: routines begin where no other one ends.
    const int CodeAlignment = 64;

    const byte Int3 = 0xCC; // Between routines: a stray jump stops.

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

    /// <summary>The tiles of this form that take so many rows best; the bits are the same.</summary>
    public PackedTiles ForRows(int rows) => _wide is not null && rows <= _wide.MaxRows ? _wide : this;

    /// <summary>Tiles of a format that this processor has; null where executable memory is refused.</summary>
    /// <param name="wide">Of the same form and input words, for few rows.</param>
    public static PackedTiles? Create(PackedTileFormat format, PackedTileFormat? wide, CodeLoader load)
    {
        PackedTiles? few = wide is null ? null : Create(wide, wide: null, load);
        if (wide is not null && few is null) return null;
        var code = new List<byte>();
        var routines = new nint[format.MaxRows];
        for (int rows = 1; rows <= routines.Length; rows++)
        {
            while (code.Count % CodeAlignment != 0) code.Add(Int3);
            routines[rows - 1] = code.Count;
            code.AddRange(PackedTileEmitter.Emit(format, rows, OperatingSystem.IsWindows()));
        }
        nint memory = load(code.ToArray());
        if (memory == 0) return null;
        for (int i = 0; i < routines.Length; i++) routines[i] += memory;
        return new(format, routines, few);
    }

    /// <summary>Rounds rows to bfloat16 pairs, words [steps, rows].</summary>
    public static void PackBF16(float* x, int rows, int inputs, void* panel) =>
        EmittedCode.Machine.Bf16()!.PackRows(GemmOperand.OfLines(x, inputs), 0, rows, 0, inputs, (float*)panel);

    public void Run(int rows, PackedTileCall* call) =>
        // A tile takes some microseconds, allocates nothing and never waits, so that the garbage collector can wait for it.
        ((delegate* unmanaged[SuppressGCTransition]<PackedTileCall*, void>)_routines[rows - 1])(call);

    public override string ToString() => _format.ToString();
}
