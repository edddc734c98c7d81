using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DistillEngine.Kernels;

/// <summary>
/// Asks for what the next head begins with, row by row, while the tiles of this one are multiplied. A head's part of a row is a few cache
/// lines, too short for the processor to foresee: without this, packing waits for memory as long as it works.
/// </summary>
/// <param name="strideBytes">From a row to the next.</param>
/// <param name="rowBytes">Of a head's part of a row.</param>
unsafe struct PanelPrefetch(long strideBytes, int rowBytes)
{
    // Of a long sequence packing is little, and its rows would push out the panels in use.
    const int MostRows = 256;

    const int CacheLine = 64, MostSources = 4;

    fixed long _sources[MostSources];
    fixed int _rows[MostSources];
    byte* _row;
    int _rowsLeft, _rowsPerCall, _source, _sourceCount;

    /// <summary>Rows to ask for, behind those named before.</summary>
    public void Add(float* source, int rows)
    {
        _sources[_sourceCount] = (long)source;
        _rows[_sourceCount++] = Math.Min(rows, MostRows);
    }

    /// <summary>From now on everything is asked for within so many calls of <see cref="Next"/>.</summary>
    public void Start(long calls)
    {
        long rows = 0;
        for (int i = 0; i < _sourceCount; i++) rows += _rows[i];
        _rowsPerCall = (int)((rows + calls - 1) / calls);
        Take(0);
    }

    /// <summary>The next call's share.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Next()
    {
        if (_rowsLeft > 0) Ask();
    }

    void Ask()
    {
        if (!Sse.IsSupported) return;
        for (int i = _rowsPerCall; i > 0 && _rowsLeft > 0; i--)
        {
            for (int offset = 0; offset < rowBytes; offset += CacheLine) Sse.Prefetch1(_row + offset);
            _row += strideBytes;
            if (--_rowsLeft == 0) Take(_source + 1);
        }
    }

    void Take(int source)
    {
        _source = source;
        if (source >= _sourceCount) return;
        _row = (byte*)_sources[source];
        _rowsLeft = _rows[source];
    }
}
