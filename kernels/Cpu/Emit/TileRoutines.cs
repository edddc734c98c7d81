using System.Runtime.CompilerServices;

namespace DistillEngine.Kernels;

/// <summary>The tiles of one format and one kind of left factor as machine code: a routine for each number of rows and vectors, so that edges
/// cost what they hold, and masks where the last vector is not whole.</summary>
sealed unsafe class TileRoutines
{
    // A fetch block of every processor: routines begin where no other one ends.
    const int CodeAlignment = 64;

    const byte Int3 = 0xCC; // Between routines: a stray jump stops.

    readonly TileFormat _format;
    readonly nint[] _routines;

    TileRoutines(TileFormat format, nint[] routines) => (_format, _routines) = (format, routines);

    /// <summary>Writes the routines; null where they cannot run.</summary>
    public static TileRoutines? Create(TileFormat format, TileLeft left)
    {
        if (Processor.Obstacle(format.Isa) is not null) return null;
        var code = new List<byte>();
        var routines = new nint[format.Rows * TileFormat.Vectors];
        for (int rows = 1; rows <= format.Rows; rows++)
            for (int vectors = 1; vectors <= TileFormat.Vectors; vectors++)
            {
                while (code.Count % CodeAlignment != 0) code.Add(Int3);
                routines[Index(rows, vectors)] = code.Count;
                code.AddRange(TileEmitter.Emit(format, rows, vectors, OperatingSystem.IsWindows(), left));
            }
        nint memory = ExecutableMemory.Load(code.ToArray());
        if (memory == 0) return null;
        for (int i = 0; i < routines.Length; i++) routines[i] += memory;
        return new(format, routines);
    }

    /// <summary>Vectors that hold so many columns.</summary>
    public int Vectors(int columns) => (columns + _format.Lanes - 1) / _format.Lanes;

    /// <summary>c = or += a b for so many rows and columns of a tile; nothing beyond them is touched.</summary>
    [SkipLocalsInit]
    public void Multiply(float* a, float* b, int rows, int columns, int words, bool add, float* c, long stride)
    {
        TileCall call;
        Prepare(&call, b, columns, words, add, stride);
        Run(&call, a, c, rows, Vectors(columns));
    }

    /// <summary>The same for any number of rows, in tiles as even as can be.</summary>
    /// <param name="leftRow">Elements from a row of the left factor to the next.</param>
    /// <param name="ahead">What to ask for meanwhile.</param>
    [SkipLocalsInit]
    public void MultiplyRows(float* a, long leftRow, float* b, int rows, int columns, int words, bool add, float* c, long stride,
        ref PanelPrefetch ahead)
    {
        TileCall call;
        Prepare(&call, b, columns, words, add, stride);
        int tiles = (rows + _format.Rows - 1) / _format.Rows, vectors = Vectors(columns);
        for (; tiles > 0; tiles--)
        {
            ahead.Next();
            int tileRows = (rows + tiles - 1) / tiles;
            Run(&call, a, c, tileRows, vectors);
            a += tileRows * leftRow;
            c += tileRows * stride;
            rows -= tileRows;
        }
    }

    void Prepare(TileCall* call, float* b, int columns, int words, bool add, long stride)
    {
        int last = columns - (Vectors(columns) - 1) * _format.Lanes;
        call->B = b;
        call->StrideBytes = stride * sizeof(float);
        call->Words = words;
        call->Add = add ? 1 : 0;
        call->IsMasked = last < _format.Lanes ? 1 : 0;
        if (call->IsMasked == 0) return;
        if (_format.HasMaskRegisters) call->Mask[0] = (1 << last) - 1;
        else
            for (int lane = 0; lane < _format.Lanes; lane++) call->Mask[lane] = lane < last ? -1 : 0;
    }

    void Run(TileCall* call, float* a, float* c, int rows, int vectors)
    {
        call->A = a;
        call->C = c;
        // A tile takes about a microsecond, allocates nothing and never waits, so that the garbage collector can wait for it.
        ((delegate* unmanaged[SuppressGCTransition]<TileCall*, void>)_routines[Index(rows, vectors)])(call);
    }

    static int Index(int rows, int vectors) => (rows - 1) * TileFormat.Vectors + vectors - 1;
}
