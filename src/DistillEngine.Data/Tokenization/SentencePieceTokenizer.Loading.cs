using System.Text.Json;

namespace DistillEngine.Data.Tokenization;

/// <content>Finding and reading the files.</content>
public sealed partial class SentencePieceTokenizer
{
    /// <summary>T5's count of sentinels, which its <c>spiece.model</c> leaves to the tokenizer's settings.</summary>
    const int DefaultExtraIds = 100;

    /// <summary>More sentinels than any embedding has rows for.</summary>
    const int MaxExtraIds = 1_000_000;

    /// <summary>Names in a tokenizer's folder: SentencePiece's own file, Hugging Face's, and the settings beside either.</summary>
    public const string ModelFileName = "spiece.model", JsonFileName = "tokenizer.json", SettingsFileName = "tokenizer_config.json";

    /// <summary>Reads a vocabulary.</summary>
    /// <param name="path">A <c>spiece.model</c>, a <c>tokenizer.json</c> (Hugging Face, Unigram), or a folder that holds either;
    /// <c>spiece.model</c> is preferred.</param>
    /// <remarks>The count of sentinels, in this order: the file's own pieces <c>&lt;extra_id_N&gt;</c> where it has any (mT5, every <c>tokenizer.json</c>);
    /// <c>extra_ids</c> of a <c>tokenizer_config.json</c> beside the file; 100 where the pieces are laid out as T5's (pad 0, <c>&lt;/s&gt;</c> 1,
    /// unknown 2); else none.</remarks>
    /// <exception cref="FileNotFoundException">There is no such file, or the folder holds neither.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, or not a Unigram vocabulary.</exception>
    public static SentencePieceTokenizer Load(string path)
    {
        var file = Locate(path);
        var bytes = File.ReadAllBytes(file);
        var isJson = file.EndsWith(".json", StringComparison.OrdinalIgnoreCase) || (bytes.Length > 0 && bytes[0] == '{');
        var model = isJson ? TokenizerJsonReader.Read(bytes, file) : SentencePieceModelReader.Read(bytes, file);
        var extraIds = isJson || SpecialTokens.AnySentinel(model.Pieces) ? 0 : ExtraIds(model, file);
        return new SentencePieceTokenizer(model, extraIds, file, message => new InvalidDataException(
            $"{file}: {message}. The file is damaged or not a SentencePiece vocabulary; copy it again from its source."));
    }

    static string Locate(string path)
    {
        if (!Directory.Exists(path))
            return File.Exists(path)
                ? path
                : throw new FileNotFoundException($"{path}: no such file or folder; expected {ModelFileName}, {JsonFileName}, or their folder.", path);
        var model = Path.Combine(path, ModelFileName);
        if (File.Exists(model))
            return model;
        var json = Path.Combine(path, JsonFileName);
        return File.Exists(json)
            ? json
            : throw new FileNotFoundException($"{path}: the folder holds neither {ModelFileName} nor {JsonFileName}; copy one from the checkpoint.", model);
    }

    static int ExtraIds(SentencePieceModel model, string file)
    {
        var settings = Path.Combine(Path.GetDirectoryName(file) ?? "", SettingsFileName);
        if (File.Exists(settings) && ReadExtraIds(settings) is { } count)
            return count;
        var isLaidOutAsT5 = model.Pieces is [{ Type: PieceType.Control } pad, { Type: PieceType.Control } eos, { Type: PieceType.Unknown }, ..]
            && pad.Text == model.PadPiece && eos.Text == model.EosPiece;
        return isLaidOutAsT5 ? DefaultExtraIds : 0;
    }

    static int? ReadExtraIds(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException($"{path}: the document is not an object; copy the file again from the checkpoint.");
            if (!document.RootElement.TryGetProperty("extra_ids", out var element))
                return null;
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt32(out var count) || count is < 0 or > MaxExtraIds)
                throw new InvalidDataException($"{path}: extra_ids is {element.GetRawText()}, expected a count from 0 to {MaxExtraIds:N0} (T5: 100).");
            return count;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine}: {e.Message}", e);
        }
    }
}
