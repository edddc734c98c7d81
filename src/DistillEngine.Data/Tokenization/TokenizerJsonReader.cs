using System.Text.Json;

namespace DistillEngine.Data.Tokenization;

/// <summary>Reads the <c>tokenizer.json</c> of Hugging Face's fast tokenizers: the Unigram model in the forms that T5 and mT5 have.</summary>
/// <remarks>The pipeline is mapped to SentencePiece's settings, which it imitates: a Precompiled normalizer is the character map; Strip, Replace of
/// runs of spaces and WhitespaceSplit are <c>remove_extra_whitespaces</c>; Metaspace is <c>add_dummy_prefix</c>. Anything else is refused.</remarks>
sealed class TokenizerJsonReader
{
    readonly string _path;
    NormalizerSettings _settings = new() { Name = "precompiled", AddDummyPrefix = false, RemoveExtraWhitespaces = false };

    TokenizerJsonReader(string path) => _path = path;

    /// <exception cref="InvalidDataException">The file is damaged, not a Unigram model, or normalizes in a way that is not known here.</exception>
    public static SentencePieceModel Read(ReadOnlyMemory<byte> file, string path)
    {
        var reader = new TokenizerJsonReader(path);
        try
        {
            using var document = JsonDocument.Parse(file);
            return reader.ReadDocument(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine}: {e.Message}", e);
        }
        catch (InvalidOperationException e) // a string that is not valid UTF-8 or holds half a surrogate pair
        {
            throw new InvalidDataException($"{path}: a string is not valid text: {e.Message} Copy the file again from its source.", e);
        }
    }

    SentencePieceModel ReadDocument(JsonElement root)
    {
        Expect(root, JsonValueKind.Object, "the document");
        var model = Get(root, "model", JsonValueKind.Object);
        var type = model.TryGetProperty("type", out var named) && named.ValueKind == JsonValueKind.String ? named.GetString() : null;
        if (type != "Unigram")
            throw Fault("model.type", $"is '{type}', expected 'Unigram'; T5 and mT5 use Unigram vocabularies, so this file belongs to another model");
        var pieces = ReadVocabulary(model);
        var byteFallback = model.TryGetProperty("byte_fallback", out var fallback)
            ? fallback.ValueKind == JsonValueKind.True
            : pieces.Count(static piece => SentencePieceModel.ByteOf(piece.Text) >= 0) == 256; // older files of mT5 do not say it
        for (var id = 0; byteFallback && id < pieces.Count; id++)
        {
            if (pieces[id].Type == PieceType.Normal && SentencePieceModel.ByteOf(pieces[id].Text) >= 0)
                pieces[id] = pieces[id] with { Type = PieceType.Byte };
        }

        if (root.TryGetProperty("added_tokens", out var added) && added.ValueKind != JsonValueKind.Null)
            AddTokens(added, pieces);
        if (root.TryGetProperty("normalizer", out var normalizer))
            ReadNormalizer(normalizer);
        if (root.TryGetProperty("pre_tokenizer", out var preTokenizer))
            ReadPreTokenizer(preTokenizer);
        var result = new SentencePieceModel { Pieces = pieces, Normalizer = _settings, ByteFallback = byteFallback };
        if (result.FindFault() is { } fault)
            throw Fault(fault.Piece < 0 ? "model.vocab" : $"model.vocab[{fault.Piece}]", fault.Message);
        return result;
    }

    List<SentencePiece> ReadVocabulary(JsonElement model)
    {
        var vocabulary = Get(model, "vocab", JsonValueKind.Array, "model");
        var unknown = Get(model, "unk_id", JsonValueKind.Number, "model");
        var count = vocabulary.GetArrayLength();
        if (!unknown.TryGetInt32(out var unknownId) || unknownId < 0 || unknownId >= count)
            throw Fault("model.unk_id", $"is {unknown.GetRawText()}, expected an id below the {count} entries of model.vocab");
        var pieces = new List<SentencePiece>(count);
        foreach (var entry in vocabulary.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2
                || entry[0].ValueKind != JsonValueKind.String || entry[1].ValueKind != JsonValueKind.Number)
                throw Fault($"model.vocab[{pieces.Count}]", "is not a pair of a piece and its score");
            var type = pieces.Count == unknownId ? PieceType.Unknown : PieceType.Normal;
            pieces.Add(new(entry[0].GetString()!, (float)entry[1].GetDouble(), type));
        }

        return pieces;
    }

    /// <summary>Special tokens become control pieces, which no text spells; others are user-defined. Those above the vocabulary follow it by id.</summary>
    void AddTokens(JsonElement added, List<SentencePiece> pieces)
    {
        Expect(added, JsonValueKind.Array, "added_tokens");
        var above = new SortedDictionary<int, SentencePiece>();
        var index = 0;
        foreach (var token in added.EnumerateArray())
        {
            var where = $"added_tokens[{index++}]";
            Expect(token, JsonValueKind.Object, where);
            var text = Get(token, "content", JsonValueKind.String, where).GetString()!;
            if (!Get(token, "id", JsonValueKind.Number, where).TryGetInt32(out var id) || id < 0)
                throw Fault(where, "has an id that is not a whole number from 0");
            var isSpecial = token.TryGetProperty("special", out var special) && special.ValueKind == JsonValueKind.True;
            var piece = new SentencePiece(text, 0f, isSpecial ? PieceType.Control : PieceType.UserDefined);
            if (id >= pieces.Count)
            {
                if (!above.TryAdd(id, piece))
                    throw Fault(where, $"has the id {id} of another added token");
            }
            else if (pieces[id].Text != text)
            {
                throw Fault(where, $"says that id {id} is '{text}', but model.vocab says '{pieces[id].Text}'");
            }
            else if (pieces[id].Type == PieceType.Normal)
            {
                pieces[id] = piece;
            }
        }

        foreach (var (id, piece) in above)
        {
            if (id != pieces.Count)
                throw Fault("added_tokens", $"has the id {id}, but the ids before it end at {pieces.Count - 1}; ids must not leave gaps");
            pieces.Add(piece);
        }
    }

    void ReadNormalizer(JsonElement normalizer, string where = "normalizer")
    {
        if (normalizer.ValueKind == JsonValueKind.Null)
            return;
        Expect(normalizer, JsonValueKind.Object, where);
        var type = Get(normalizer, "type", JsonValueKind.String, where).GetString();
        switch (type)
        {
            case "Sequence":
                var index = 0;
                foreach (var part in Get(normalizer, "normalizers", JsonValueKind.Array, where).EnumerateArray())
                    ReadNormalizer(part, $"{where}.normalizers[{index++}]");
                break;
            case "Precompiled":
                if (normalizer.TryGetProperty("precompiled_charsmap", out var map) && map.ValueKind == JsonValueKind.Null)
                    break;
                if (!Get(normalizer, "precompiled_charsmap", JsonValueKind.String, where).TryGetBytesFromBase64(out var bytes))
                    throw Fault($"{where}.precompiled_charsmap", "is not valid base64");
                _settings = _settings with { CharacterMap = bytes };
                break;
            case "Strip":
                _settings = _settings with { RemoveExtraWhitespaces = true };
                break;
            case "Prepend":
                if (Get(normalizer, "prepend", JsonValueKind.String, where).GetString() is not ("▁" or " "))
                    throw Fault(where, "prepends something other than a space");
                _settings = _settings with { AddDummyPrefix = true };
                break;
            case "Replace":
                ReadReplace(normalizer, where);
                break;
            default:
                throw Fault(where, $"has the type '{type}', which T5 and mT5 do not use; give the spiece.model instead");
        }
    }

    void ReadReplace(JsonElement normalizer, string where)
    {
        var content = Get(normalizer, "content", JsonValueKind.String, where).GetString();
        var pattern = Get(normalizer, "pattern", JsonValueKind.Object, where);
        if (content is not ("▁" or " "))
            throw Fault(where, $"replaces by '{content}', expected a space or '▁'");
        if (pattern.TryGetProperty("Regex", out var regex) && regex.ValueKind == JsonValueKind.String && regex.GetString() is " {2,}" or " +" or "▁{2,}")
            _settings = _settings with { RemoveExtraWhitespaces = true };
        else if (!(pattern.TryGetProperty("String", out var text) && text.ValueKind == JsonValueKind.String && text.GetString() == " "))
            throw Fault(where, $"has the pattern {pattern.GetRawText()}, which T5 and mT5 do not use; give the spiece.model instead");
    }

    void ReadPreTokenizer(JsonElement preTokenizer, string where = "pre_tokenizer")
    {
        if (preTokenizer.ValueKind == JsonValueKind.Null)
            return;
        Expect(preTokenizer, JsonValueKind.Object, where);
        var type = Get(preTokenizer, "type", JsonValueKind.String, where).GetString();
        switch (type)
        {
            case "Sequence":
                var index = 0;
                foreach (var part in Get(preTokenizer, "pretokenizers", JsonValueKind.Array, where).EnumerateArray())
                    ReadPreTokenizer(part, $"{where}.pretokenizers[{index++}]");
                break;
            case "WhitespaceSplit":
                _settings = _settings with { RemoveExtraWhitespaces = true };
                break;
            case "Metaspace":
                if (Get(preTokenizer, "replacement", JsonValueKind.String, where).GetString() != "▁")
                    throw Fault($"{where}.replacement", "is not '▁' (U+2581), the space of SentencePiece");
                var isNever = preTokenizer.TryGetProperty("prepend_scheme", out var scheme) && scheme.ValueKind == JsonValueKind.String
                    && scheme.GetString() == "never";
                var isOff = preTokenizer.TryGetProperty("add_prefix_space", out var prefix) && prefix.ValueKind == JsonValueKind.False;
                _settings = _settings with { AddDummyPrefix = _settings.AddDummyPrefix || !(isNever || isOff) };
                break;
            default:
                throw Fault(where, $"has the type '{type}', which T5 and mT5 do not use; give the spiece.model instead");
        }
    }

    JsonElement Get(JsonElement parent, string name, JsonValueKind kind, string where = "")
    {
        var full = where.Length == 0 ? name : $"{where}.{name}";
        if (!parent.TryGetProperty(name, out var element))
            throw Fault(full, "is missing");
        Expect(element, kind, full);
        return element;
    }

    void Expect(JsonElement element, JsonValueKind kind, string where)
    {
        if (element.ValueKind != kind)
            throw Fault(where, $"is {element.ValueKind}, expected {kind}");
    }

    InvalidDataException Fault(string where, string what) =>
        new($"{_path}: {where} {what}. Expected the tokenizer.json of a T5 or mT5 checkpoint.");
}
