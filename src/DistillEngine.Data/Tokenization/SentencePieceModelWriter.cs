using System.Buffers.Binary;
using System.Text;
using DistillEngine.Core;

namespace DistillEngine.Data.Tokenization;

/// <summary>Writes a Unigram vocabulary as the <c>spiece.model</c> that SentencePiece and Hugging Face read.</summary>
public static class SentencePieceModelWriter
{
    /// <summary>Writes <paramref name="model"/> to <paramref name="path"/> atomically, replacing what is there; see <see cref="AtomicFile"/>.</summary>
    /// <exception cref="ArgumentException">The model breaks a rule of SentencePiece: no unknown piece, a piece twice, a score that is not finite …</exception>
    public static void Write(string path, SentencePieceModel model) =>
        AtomicFile.WriteAllBytes(path, Serialize(model));

    /// <summary>The bytes of the file.</summary>
    /// <exception cref="ArgumentException">As for <see cref="Write"/>.</exception>
    public static byte[] Serialize(SentencePieceModel model)
    {
        if (model.FindFault() is { } fault)
            throw new ArgumentException($"Vocabulary: {(fault.Piece < 0 ? "" : $"piece {fault.Piece} ")}{fault.Message}.", nameof(model));
        if (!model.Normalizer.CharacterMap.IsEmpty)
            CharacterMap.Parse(model.Normalizer.CharacterMap, message => new ArgumentException($"Vocabulary: the character map {message}.", nameof(model)));
        var file = new Message();
        foreach (var (text, score, type) in model.Pieces)
        {
            var piece = new Message().String(1, text).Float(2, score);
            file.Nested(1, type == PieceType.Normal ? piece : piece.Varint(3, (int)type));
        }

        file.Nested(2, TrainerOf(model)).Nested(3, NormalizerOf(model.Normalizer));
        if (model.Denormalizer is { } denormalizer)
            file.Nested(5, NormalizerOf(denormalizer));
        return file.ToArray();
    }

    static Message TrainerOf(SentencePieceModel model)
    {
        var (unknown, start, eos, pad) = (-1, -1, -1, -1);
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            var (text, _, type) = model.Pieces[id];
            if (type == PieceType.Unknown)
                unknown = id;
            else if (type == PieceType.Control && text == model.EosPiece)
                eos = id;
            else if (type == PieceType.Control && text == model.PadPiece)
                pad = id;
            else if (type == PieceType.Control && text == "<s>")
                start = id;
        }

        return new Message()
            .Varint(3, 1) // Unigram
            .Varint(4, model.Pieces.Count)
            .Varint(24, model.Normalizer.TreatWhitespaceAsSuffix ? 1 : 0)
            .Varint(35, model.ByteFallback ? 1 : 0)
            .Varint(40, unknown)
            .Varint(41, start)
            .Varint(42, eos)
            .Varint(43, pad)
            .String(44, model.UnknownSurface)
            .String(45, model.Pieces[unknown].Text)
            .String(47, model.EosPiece)
            .String(48, model.PadPiece);
    }

    static Message NormalizerOf(NormalizerSettings settings) => new Message()
        .String(1, settings.Name)
        .Bytes(2, settings.CharacterMap.Span)
        .Varint(3, settings.AddDummyPrefix ? 1 : 0)
        .Varint(4, settings.RemoveExtraWhitespaces ? 1 : 0)
        .Varint(5, settings.EscapeWhitespaces ? 1 : 0);

    /// <summary>A message of the protocol-buffer wire format under construction.</summary>
    sealed class Message
    {
        readonly List<byte> _bytes = [];

        public byte[] ToArray() => [.. _bytes];

        public Message Varint(int field, int value)
        {
            Raw((uint)field << 3);
            Raw((ulong)(long)value); // a negative int32 is written as 64 bits
            return this;
        }

        public Message Float(int field, float value)
        {
            Raw((uint)field << 3 | 5);
            Span<byte> four = stackalloc byte[4];
            BinaryPrimitives.WriteSingleLittleEndian(four, value);
            _bytes.AddRange(four);
            return this;
        }

        public Message Bytes(int field, ReadOnlySpan<byte> value)
        {
            Raw((uint)field << 3 | 2);
            Raw((uint)value.Length);
            _bytes.AddRange(value);
            return this;
        }

        public Message String(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

        public Message Nested(int field, Message value) => Bytes(field, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(value._bytes));

        void Raw(ulong value)
        {
            for (; value >= 0x80; value >>= 7)
                _bytes.Add((byte)(value | 0x80));
            _bytes.Add((byte)value);
        }
    }
}
