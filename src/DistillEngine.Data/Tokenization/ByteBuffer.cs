using System.Runtime.CompilerServices;

namespace DistillEngine.Data.Tokenization;

/// <summary>A growing run of bytes whose memory is kept from text to text.</summary>
sealed class ByteBuffer
{
    byte[] _bytes = new byte[256];

    public int Count { get; private set; }

    public int Capacity => _bytes.Length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Count);

    public void Clear() => Count = 0;

    /// <summary>At least <paramref name="size"/> bytes behind the written ones; <see cref="Advance"/> keeps what is put there.</summary>
    /// <exception cref="ArgumentException">The text would need more bytes than one array holds.</exception>
    public Span<byte> Reserve(long size)
    {
        if (size > _bytes.Length - Count)
            Grow(size);
        return _bytes.AsSpan(Count);
    }

    public void Advance(int count) => Count += count;

    public void RemoveLast(int count) => Count -= count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Append(byte value)
    {
        if (Count == _bytes.Length)
            Grow(1);
        _bytes[Count++] = value;
    }

    public void Append(ReadOnlySpan<byte> values)
    {
        values.CopyTo(Reserve(values.Length));
        Count += values.Length;
    }

    void Grow(long size)
    {
        var needed = Count + size;
        if (needed > Array.MaxLength)
            throw new ArgumentException($"A text of this length needs {needed} bytes of working memory, more than one array holds; split it first.");
        Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(needed, 2L * _bytes.Length)));
    }
}
