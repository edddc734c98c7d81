using System.Text.Json;
using DistillEngine.Data.Tokenization;
using Xunit;

namespace DistillEngine.Tests.Data.Tokenization;

/// <summary>Finds the recorded cases of the tokenizers.</summary>
static class TokenizerGoldens
{
    static readonly string Root = FindRoot();

    public static string Folder(string name) => Path.Combine(Root, "tests", "goldens", "tokenizers", name);

    public static SentencePieceTokenizer Load(string name) => SentencePieceTokenizer.Load(Folder(name));

    public static JsonDocument Cases(string name) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder(name), "cases.json")));

    /// <summary>A file of the reference folder beside the repository; the test is skipped where there is none.</summary>
    public static string Shared(params string[] parts)
    {
        var path = Path.Combine([Root, "..", "shared", .. parts]);
        if (!File.Exists(path))
            Assert.Skip($"needs the reference file {string.Join('/', parts)}, which is not part of the repository");
        return path;
    }

    public static int[] Ints(this JsonElement parent, string name) =>
        [.. parent.GetProperty(name).EnumerateArray().Select(static element => element.GetInt32())];

    public static string Text(this JsonElement parent, string name) => parent.GetProperty(name).GetString()!;

    public static int[] Encode(this SentencePieceTokenizer tokenizer, string text)
    {
        var ids = new List<int>();
        tokenizer.Encode(text, ids);
        return [.. ids];
    }

    static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "DistillEngine.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests must run inside the repository.");
        return folder;
    }
}
