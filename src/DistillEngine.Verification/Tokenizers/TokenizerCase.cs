using DistillEngine.Data.Tokenization;

namespace DistillEngine.Verification;

/// <summary>A vocabulary and what SentencePiece and Hugging Face make of many texts with it; each of its files is read and held to
/// that.</summary>
static class TokenizerCase
{
    const string Model = SentencePieceTokenizer.ModelFileName, Json = SentencePieceTokenizer.JsonFileName;

    public static void Run(string folder, DataFolder? data, CaseReport report)
    {
        GoldenJson record = GoldenJson.Load(Path.Combine(folder, "cases.json"));
        string[] files = [.. new[] { Model, Json }.Where(f => File.Exists(Path.Combine(folder, f)))];
        if (files.Length == 0) throw new FileNotFoundException($"{folder}: holds neither {Model} nor {Json}. Copy the golden again.");
        foreach (string file in files)
            report.Guard(file, () => RunFile(Path.Combine(folder, file), file, record, report));
        if (record.FindValue("corpora") is { } corpora)
            report.Guard("corpora", () => CorpusChecks.Run(Path.Combine(folder, files[0]), corpora, data, report));
    }

    static void RunFile(string path, string file, GoldenJson record, CaseReport report)
    {
        var tokenizer = SentencePieceTokenizer.Load(path);
        report.Add($"{file}: special ids", SpecialIds(tokenizer, file, record));
        Differences ids = new(), decoded = new(), normalized = new();
        List<int> got = [];
        foreach (GoldenJson row in record["texts"].Items)
        {
            string text = row["text"].Text, where = Quote(text);
            int[] pieces = row["sentencepiece"].Integers;
            // Where Hugging Face's library differs, a reader of its file may follow either.
            int[]? others = file == Json ? row.FindValue("tokenizers")?.Integers : null;
            got.Clear();
            tokenizer.Encode(text, got);
            ids.See(where, [.. got], others is not null && others.SequenceEqual(got) ? others : pieces);
            decoded.See(where, tokenizer.Decode(pieces.AsSpan()), row["decoded"].Text);
            if (others is null) normalized.See(where, tokenizer.Normalizer.Normalize(text), row["normalized"].Text);
        }
        report.Add($"{file}: ids", ids);
        report.Add($"{file}: decoded texts", decoded);
        report.Add($"{file}: normalized texts", normalized);
        if (record.FindValue("with_special_tokens") is { } special) RunSpecialTokens(tokenizer, file, special, report);
        if (record.FindValue("truncation") is { } truncation) RunTruncation(tokenizer, file, truncation, report);
    }

    static Differences SpecialIds(SentencePieceTokenizer tokenizer, string file, GoldenJson record)
    {
        var differences = new Differences();
        // The library's file counts the sentinels among its pieces.
        if (file == Model) differences.See("pieces", tokenizer.PieceCount, record["pieces"].Integer);
        differences.See("unk", tokenizer.UnknownId, record["unk"].Integer);
        // −1 says that the vocabulary has no such piece.
        if (record["pad"].Integer >= 0) differences.See("pad", tokenizer.PadId, record["pad"].Integer);
        if (record["eos"].Integer >= 0) differences.See("eos", tokenizer.EosId, record["eos"].Integer);
        return differences;
    }

    /// <summary>The pieces of Hugging Face's fast tokenizer, and one closing token.</summary>
    static void RunSpecialTokens(SentencePieceTokenizer tokenizer, string file, GoldenJson rows, CaseReport report)
    {
        Differences ids = new(), decoded = new();
        foreach (GoldenJson row in rows.Items)
        {
            string text = row["text"].Text, where = Quote(text);
            int[] expected = row["fast"].Integers;
            List<int> got = [];
            tokenizer.EncodeWithSpecialTokens(text, got);
            got.Add(tokenizer.EosId);
            ids.See(where, [.. got], expected);
            decoded.See(where, tokenizer.Decode(expected, skipSpecialTokens: false), row["decoded"].Text);
            decoded.See(where, tokenizer.Decode(expected, skipSpecialTokens: true), row["decoded_skip_special"].Text);
        }
        report.Add($"{file}: ids with special tokens", ids);
        report.Add($"{file}: decoded texts with special tokens", decoded);
    }

    static void RunTruncation(SentencePieceTokenizer tokenizer, string file, GoldenJson rows, CaseReport report)
    {
        var differences = new Differences();
        foreach (GoldenJson row in rows.Items)
        {
            List<int> got = [];
            tokenizer.EncodeWithEos(row["text"].Text, row["max_length"].Integer, got);
            differences.See($"at most {row["max_length"].Integer}", [.. got], row["ids"].Integers);
        }
        report.Add($"{file}: truncation", differences);
    }

    static string Quote(string text) => text.Length <= 60 ? $"'{text}'" : $"'{text.AsSpan(0, 60)}…'";
}
