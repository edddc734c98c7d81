using System.Collections.Concurrent;
using Microsoft.ML.Tokenizers;

namespace DistillEngine.Data.Tokenization;

/// <summary>T5's tokenizer: SentencePiece Unigram, equal to the reference implementation id for id.</summary>
/// <remarks>
/// Source: google/sentencepiece. Safe for concurrent use; encoding reuses its working memory and takes time linear in the text.
/// <para>Control pieces and sentinels above the pieces are never produced from their spelling in a text, only by <see cref="EncodeWithSpecialTokens"/>.
/// A sentinel that the file itself holds as a user-defined piece (mT5) is found in a text, as SentencePiece does.</para>
/// <para>A lone surrogate counts as one invalid byte: it becomes U+FFFD.</para>
/// </remarks>
public sealed partial class SentencePieceTokenizer : Tokenizer, ITokenizer
{
    readonly SentencePieceModel _model;
    readonly SentencePieceNormalizer _normalizer;
    readonly UnigramEncoder _encoder;
    readonly PieceDecoder _decoder;
    readonly SpecialTokens _special;
    readonly Dictionary<string, int> _ids;
    readonly int[]? _byteIds;
    readonly string? _path;
    readonly int? _padId;
    readonly int? _eosId;
    readonly ConcurrentBag<EncodeScratch> _scratches = [];

    /// <param name="model">The vocabulary.</param>
    /// <param name="extraIds">Sentinels above the pieces, 0 for none; <c>&lt;extra_id_0&gt;</c> is the last id, the others count down.</param>
    /// <exception cref="ArgumentException">The vocabulary breaks a rule of SentencePiece, or <paramref name="extraIds"/> is negative.</exception>
    public SentencePieceTokenizer(SentencePieceModel model, int extraIds = 0)
        : this(Checked(model), extraIds, null, static message => new ArgumentException($"Vocabulary: {message}.", nameof(model)))
    {
    }

    SentencePieceTokenizer(SentencePieceModel model, int extraIds, string? path, Func<string, Exception> fault)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(extraIds);
        (_model, _path) = (model, path);
        _special = new SpecialTokens(model.Pieces, extraIds);
        _normalizer = NormalizerOf(model.Normalizer, ProtectedSymbols(model.Pieces), fault);
        _decoder = new PieceDecoder(model, _special, model.Denormalizer is { } settings ? NormalizerOf(settings, null, fault) : null);
        _encoder = new UnigramEncoder(model.Pieces);
        _ids = new(model.Pieces.Count, StringComparer.Ordinal);
        _byteIds = model.ByteFallback ? new int[256] : null;
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            var (text, _, type) = model.Pieces[id];
            var isReserved = type is PieceType.Control or PieceType.Unknown or PieceType.Byte;
            if (isReserved)
                _ids[text] = id;
            else
                _ids.TryAdd(text, id); // the spelling of a reserved piece means that piece
            if (type == PieceType.Unknown)
                UnknownId = id;
            if (type == PieceType.Byte)
                _byteIds![SentencePieceModel.ByteOf(text)] = id;
            if (text == model.PadPiece && type != PieceType.Unknown && (isReserved || _padId is null))
                _padId = id;
            if (text == model.EosPiece && type != PieceType.Unknown && (isReserved || _eosId is null))
                _eosId = id;
        }
    }

    /// <inheritdoc/>
    public int VocabularySize => _special.Size;

    /// <summary>Pieces in the file; sentinels may follow them.</summary>
    public int PieceCount => _model.Pieces.Count;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The vocabulary has no such piece.</exception>
    /// <exception cref="InvalidDataException">Likewise, where it was read from a file, which the message names.</exception>
    public int PadId => _padId ?? throw Missing(_model.PadPiece, "pad_id=0");

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The vocabulary has no such piece.</exception>
    /// <exception cref="InvalidDataException">Likewise, where it was read from a file, which the message names.</exception>
    public int EosId => _eosId ?? throw Missing(_model.EosPiece, "eos_id=1");

    /// <summary>Id of what no piece covers.</summary>
    public int UnknownId { get; }

    /// <summary>The vocabulary and its settings.</summary>
    public SentencePieceModel Model => _model;

    /// <summary>Id of the sentinel <c>&lt;extra_id_N&gt;</c>, which marks a gap in T5's pre-training.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary has no such sentinel.</exception>
    public int SentinelId(int number) => _special.SentinelId(number)
        ?? throw new ArgumentOutOfRangeException(nameof(number), number, $"The vocabulary has no <extra_id_{number}>; T5 has 0 to 99.");

    /// <summary>The id whose spelling is <paramref name="piece"/>; false where there is none.</summary>
    public bool TryGetId(string piece, out int id) =>
        _ids.TryGetValue(piece, out id) || (piece.StartsWith("<extra_id_", StringComparison.Ordinal)
            && _special.TryFind(piece, out _, out var length, out id) && length == piece.Length);

    /// <summary>The spelling of <paramref name="id"/>, with U+2581 for a space.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is negative or not below <see cref="VocabularySize"/>.</exception>
    public string PieceOf(int id)
    {
        CheckId(id);
        return id < PieceCount ? _model.Pieces[id].Text : _special.TextOf(id)!;
    }

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        var scratch = Rent();
        SentencePieceNormalizer.Transcode(text, scratch.Source);
        _normalizer.Normalize(scratch.Source.Written, scratch.Normalized);
        AppendIds(scratch, _encoder.Split(scratch), ids);
        Return(scratch);
    }

    /// <summary>Appends the ids of <paramref name="text"/> and then <c>&lt;/s&gt;</c>, at most <paramref name="maxTokens"/> in all: a longer text loses
    /// its last ids, never its <c>&lt;/s&gt;</c>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="maxTokens">Highest count of ids to append, <c>&lt;/s&gt;</c> included; at least 1.</param>
    /// <param name="ids">Receives the ids.</param>
    /// <returns>How many ids were cut off.</returns>
    public int EncodeWithEos(ReadOnlySpan<char> text, int maxTokens, List<int> ids)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 1);
        var first = ids.Count;
        var eos = EosId;
        Encode(text, ids);
        var cut = Math.Max(0, ids.Count - first - (maxTokens - 1));
        ids.RemoveRange(ids.Count - cut, cut);
        ids.Add(eos);
        return cut;
    }

    /// <summary>Appends the ids of a text in which <c>&lt;/s&gt;</c>, <c>&lt;pad&gt;</c>, <c>&lt;unk&gt;</c> and sentinels mean their ids. No
    /// <c>&lt;/s&gt;</c> is added.</summary>
    /// <remarks>Each stretch between special tokens is encoded as a text of its own, so it begins with a space: the reading of Hugging
    /// Face's fast tokenizers. Use it on templates only: in a user's text it lets the user place special tokens.</remarks>
    public void EncodeWithSpecialTokens(ReadOnlySpan<char> text, List<int> ids)
    {
        while (_special.TryFind(text, out var start, out var length, out var id))
        {
            Encode(text[..start], ids);
            ids.Add(id);
            text = text[(start + length)..];
        }

        Encode(text, ids);
    }

    /// <summary>The text of the ids as SentencePiece reads them: control pieces are invisible, an unknown piece is <c> ⁇ </c>, byte pieces make
    /// characters (U+FFFD where they make none). A sentinel above the pieces is spelled out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or not below <see cref="VocabularySize"/>.</exception>
    public string Decode(ReadOnlySpan<int> ids)
    {
        CheckIds(ids);
        return _decoder.Decode(ids);
    }

    /// <summary>The text of the ids as Hugging Face's fast tokenizers read them, without clean-up of spaces.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">True leaves out control pieces, sentinels and the unknown piece; false spells them.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or not below <see cref="VocabularySize"/>.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        CheckIds(ids);
        return _decoder.DecodeTokens(ids, skipSpecialTokens);
    }

    /// <summary>The text of the ids as the published evaluation compares it: without special tokens, then <see cref="SpaceCleanUp"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or not below <see cref="VocabularySize"/>.</exception>
    public string DecodeForMetric(ReadOnlySpan<int> ids) => SpaceCleanUp.Apply(Decode(ids, skipSpecialTokens: true));

    /// <summary>Appends the ids of the pieces that the scratch holds: runs of unknown characters become one id, or byte pieces.</summary>
    void AppendIds(EncodeScratch scratch, int count, List<int> ids)
    {
        var text = scratch.Normalized.Written;
        var wasUnknown = false;
        for (var k = count - 1; k >= 0; k--)
        {
            var end = scratch.Ends[k];
            var (start, id) = (scratch.Path[end].Start, scratch.Path[end].Id);
            var isUnknown = id == UnknownId;
            if (isUnknown && _byteIds is not null)
            {
                foreach (var b in text[start..end])
                    ids.Add(_byteIds[b]);
            }
            else if (!(isUnknown && wasUnknown))
            {
                ids.Add(id);
            }

            wasUnknown = isUnknown;
        }
    }

    EncodeScratch Rent() => _scratches.TryTake(out var scratch) ? scratch : new EncodeScratch();

    void Return(EncodeScratch scratch)
    {
        if (scratch.IsSmall)
            _scratches.Add(scratch);
    }

    void CheckIds(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
            CheckId(id);
    }

    void CheckId(int id)
    {
        if ((uint)id >= (uint)VocabularySize)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"The tokenizer has the ids 0 to {VocabularySize - 1}; a model's extra rows have no text.");
    }

    static SentencePieceModel Checked(SentencePieceModel model) => model.FindFault() is { } found
        ? throw new ArgumentException($"Vocabulary: {(found.Piece < 0 ? "" : $"piece {found.Piece} ")}{found.Message}.", nameof(model))
        : model;

    Exception Missing(string piece, string option)
    {
        string problem = $"has no piece '{piece}', which T5 needs. Train the vocabulary with {option}";
        return _path is null
            ? new InvalidOperationException($"The vocabulary {problem}.")
            : new InvalidDataException($"{_path}: the vocabulary {problem}, or give the one that belongs to the model.");
    }

    static SentencePieceNormalizer NormalizerOf(NormalizerSettings settings, PieceTrie? symbols, Func<string, Exception> fault)
    {
        var map = settings.CharacterMap.IsEmpty
            ? null
            : CharacterMap.Parse(settings.CharacterMap, message => fault($"the character map (precompiled_charsmap) {message}"));
        return new(settings, map, symbols);
    }

    static PieceTrie? ProtectedSymbols(IReadOnlyList<SentencePiece> pieces)
    {
        var entries = new List<(byte[], int, float)>();
        for (var id = 0; id < pieces.Count; id++)
        {
            if (pieces[id].Type == PieceType.UserDefined)
                entries.Add((System.Text.Encoding.UTF8.GetBytes(pieces[id].Text), id, 0f));
        }

        return entries.Count == 0 ? null : PieceTrie.Build(entries);
    }
}
