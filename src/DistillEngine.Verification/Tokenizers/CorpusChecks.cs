using System.Runtime.InteropServices;
using System.Text.Json;
using DistillEngine.Core;
using DistillEngine.Data.Tokenization;

namespace DistillEngine.Verification;

/// <summary>Checksums over the ids of every string in whole data files, in document order.</summary>
static class CorpusChecks
{
    public static void Run(string vocabulary, GoldenJson corpora, DataFolder? data, CaseReport report)
    {
        if (data is null)
        {
            report.Skip("corpora", DataFolder.Missing);
            return;
        }
        var tokenizer = SentencePieceTokenizer.Load(vocabulary);
        var differences = new Differences();
        foreach (GoldenJson corpus in corpora.Items)
        {
            string file = corpus["file"].Text;
            var (strings, tokens, unknown, sha256) = Count(tokenizer, Path.Combine(data.Path, file), report.Cancel);
            differences.See($"{file}, strings", strings, corpus["strings"].Integer);
            differences.See($"{file}, tokens", tokens, corpus["tokens"].Integer);
            differences.See($"{file}, unknown", unknown, corpus["unknown"].Integer);
            differences.See($"{file}, sha256", sha256, corpus["sha256"].Text);
        }
        report.Add("corpora", differences);
    }

    static (int Strings, int Tokens, int Unknown, string Sha256) Count(SentencePieceTokenizer tokenizer, string path,
        CancellationToken cancel)
    {
        var hash = new Sha256();
        int strings = 0, tokens = 0, unknown = 0;
        List<int> ids = [];
        foreach (string text in Strings(path))
        {
            cancel.ThrowIfCancellationRequested();
            ids.Clear();
            tokenizer.Encode(text, ids);
            strings++;
            tokens += ids.Count;
            foreach (int id in ids) if (id == tokenizer.UnknownId) unknown++;
            ids.Add(-1);
            hash.Append(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(ids)));
        }
        return (strings, tokens, unknown, hash.FinishHex());
    }

    /// <summary>String values of one document, or of one document a line; names of members are none.</summary>
    static List<string> Strings(string path)
    {
        var strings = new List<string>();
        var reader = new Utf8JsonReader(File.ReadAllBytes(path), new JsonReaderOptions { AllowMultipleValues = true });
        try
        {
            while (reader.Read())
                if (reader.TokenType == JsonTokenType.String) strings.Add(reader.GetString()!);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON: {e.Message} Unpack the data sets again.", e);
        }
        return strings;
    }
}
