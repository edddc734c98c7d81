using System.Buffers.Binary;
using System.Numerics;

namespace DistillEngine.Core;

/// <summary>SHA-256 of contents that arrive in pieces.</summary>
/// <remarks>Source: FIPS 180-4, section 6.2. The runtime's own class takes OpenSSL from the system on Linux, and ends the process where that is
/// absent; what a model or a rationale file is known by must be computed on bare machines, too.</remarks>
public sealed class Sha256
{
    const int BlockBytes = 64, LengthBytes = sizeof(ulong);

    // The first 32 bits of the fractions of the cube roots of the first 64 primes.
    static ReadOnlySpan<uint> RoundConstants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    // The same of the square roots of the first 8.
    readonly uint[] _state = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
    readonly byte[] _block = new byte[BlockBytes];
    ulong _length;

    /// <summary>Of a whole text, 64 lower-case hexadecimal digits.</summary>
    public static string HexOf(ReadOnlySpan<byte> contents)
    {
        var hash = new Sha256();
        hash.Append(contents);
        return hash.FinishHex();
    }

    /// <summary>Of what is left of a stream.</summary>
    public static string HexOf(Stream contents)
    {
        var hash = new Sha256();
        byte[] buffer = new byte[1 << 16];
        for (int count; (count = contents.Read(buffer)) > 0;) hash.Append(buffer.AsSpan(0, count));
        return hash.FinishHex();
    }

    public void Append(ReadOnlySpan<byte> contents)
    {
        int held = (int)(_length % BlockBytes);
        _length += (ulong)contents.Length;
        if (held > 0)
        {
            int count = Math.Min(BlockBytes - held, contents.Length);
            contents[..count].CopyTo(_block.AsSpan(held));
            contents = contents[count..];
            if (held + count < BlockBytes) return;
            Compress(_block);
        }
        for (; contents.Length >= BlockBytes; contents = contents[BlockBytes..]) Compress(contents[..BlockBytes]);
        contents.CopyTo(_block);
    }

    /// <summary>64 lower-case hexadecimal digits. Nothing can be appended behind.</summary>
    public string FinishHex()
    {
        ulong bits = _length * 8;
        int held = (int)(_length % BlockBytes);
        _block[held++] = 0x80;
        if (held > BlockBytes - LengthBytes)
        {
            _block.AsSpan(held).Clear();
            Compress(_block);
            held = 0;
        }
        _block.AsSpan(held).Clear();
        BinaryPrimitives.WriteUInt64BigEndian(_block.AsSpan(BlockBytes - LengthBytes), bits);
        Compress(_block);
        Span<byte> digest = stackalloc byte[_state.Length * sizeof(uint)];
        for (int i = 0; i < _state.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(digest[(i * sizeof(uint))..], _state[i]);
        return Convert.ToHexStringLower(digest);
    }

    void Compress(ReadOnlySpan<byte> block)
    {
        Span<uint> words = stackalloc uint[64];
        for (int i = 0; i < 16; i++) words[i] = BinaryPrimitives.ReadUInt32BigEndian(block[(i * sizeof(uint))..]);
        for (int i = 16; i < words.Length; i++)
        {
            uint early = words[i - 15], late = words[i - 2];
            words[i] = words[i - 16] + words[i - 7]
                + (BitOperations.RotateRight(early, 7) ^ BitOperations.RotateRight(early, 18) ^ early >> 3)
                + (BitOperations.RotateRight(late, 17) ^ BitOperations.RotateRight(late, 19) ^ late >> 10);
        }
        uint[] s = _state;
        var (a, b, c, d, e, f, g, h) = (s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]);
        for (int i = 0; i < words.Length; i++)
        {
            uint t1 = h + (BitOperations.RotateRight(e, 6) ^ BitOperations.RotateRight(e, 11) ^ BitOperations.RotateRight(e, 25)) + (e & f ^ ~e & g)
                + RoundConstants[i] + words[i];
            uint t2 = (BitOperations.RotateRight(a, 2) ^ BitOperations.RotateRight(a, 13) ^ BitOperations.RotateRight(a, 22)) + (a & b ^ a & c ^ b & c);
            (h, g, f, e, d, c, b, a) = (g, f, e, d + t1, c, b, a, t1 + t2);
        }
        s[0] += a;
        s[1] += b;
        s[2] += c;
        s[3] += d;
        s[4] += e;
        s[5] += f;
        s[6] += g;
        s[7] += h;
    }
}
