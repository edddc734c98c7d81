using System.Text;
using DistillEngine.Core;
using DistillEngine.Data.Tokenization;
using DistillEngine.Model;

namespace DistillEngine.Training;

/// <summary>The files of a tokenizer, copied along with every model that is written.</summary>
public sealed class TokenizerFiles
{
    const string SentencePiece = SentencePieceTokenizer.ModelFileName, Fast = SentencePieceTokenizer.JsonFileName;

    static readonly string[] Companions = [SentencePieceTokenizer.SettingsFileName, "special_tokens_map.json"];

    readonly List<(string Source, string Name)> _files = [];

    /// <param name="path">A tokenizer file under any name, or a folder that holds one.</param>
    public TokenizerFiles(string path)
    {
        bool isFolder = Directory.Exists(path);
        string folder = isFolder ? path : Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!isFolder) _files.Add((path, path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? Fast : SentencePiece));
        foreach (string name in isFolder ? [SentencePiece, Fast, .. Companions] : Companions)
        {
            string source = Path.Combine(folder, name);
            if (File.Exists(source)) _files.Add((source, name));
        }
    }

    /// <summary>Whether a vocabulary is among them.</summary>
    public bool HasVocabulary => _files.Any(f => f.Name is SentencePiece or Fast);

    /// <param name="path">Where the tokenizer comes from.</param>
    /// <param name="model">The model's name or folder.</param>
    /// <exception cref="InvalidDataException">The tokenizer has ids that the model has no rows for.</exception>
    public static void RequireFit(SentencePieceTokenizer tokenizer, string path, T5Config config, string model)
    {
        if (tokenizer.VocabularySize > config.VocabularySize)
            throw new InvalidDataException($"{path}: the tokenizer has {tokenizer.VocabularySize:N0} ids, "
                + $"the model '{model}' only {config.VocabularySize:N0}. Use the tokenizer that belongs to the model.");
    }

    /// <summary>SHA-256 over names and contents, lower-case hexadecimal: equal files encode texts to equal ids.</summary>
    public string HashOfContents()
    {
        var hash = new Sha256();
        foreach (var (source, name) in _files)
        {
            byte[] contents = File.ReadAllBytes(source);
            hash.Append(Encoding.UTF8.GetBytes($"{name} {contents.Length}\n"));
            hash.Append(contents);
        }
        return hash.FinishHex();
    }

    public void CopyTo(string folder)
    {
        foreach (var (source, name) in _files)
        {
            string destination = Path.Combine(folder, name);
            if (Path.GetFullPath(source) != Path.GetFullPath(destination)) AtomicFile.WriteAllBytes(destination, File.ReadAllBytes(source));
        }
    }
}
