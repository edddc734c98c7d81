using System.Text.Encodings.Web;
using System.Text.Json;
using DistillEngine.Core;

namespace DistillEngine.Teacher.Reports;

/// <summary>Reads and writes <c>manifest.json</c>.</summary>
public static class ManifestFile
{
    /// <summary>Name within a run's folder.</summary>
    public const string Name = "manifest.json";

    /// <summary>A manifest holds one prompt; a larger file is some other file.</summary>
    const long MaxFileBytes = 64L << 20;

    static readonly ManifestJson Json = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    });

    /// <summary>Writes the manifest in one step: a reader sees the old one or the new.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string folder, RunManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        AtomicFile.Write(Path.Combine(folder, Name), stream =>
        {
            JsonSerializer.Serialize(stream, manifest, Json.RunManifest);
            stream.Write("\n"u8);
        });
    }

    /// <exception cref="InvalidDataException">The file is no manifest of this schema.</exception>
    /// <exception cref="FileNotFoundException">The folder has no manifest.</exception>
    public static RunManifest Read(string folder)
    {
        string path = Path.Combine(folder, Name);
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path}: no such file (expected a folder that 'distill-teacher run' has written).", path);
        long length = new FileInfo(path).Length;
        if (length > MaxFileBytes)
            throw new InvalidDataException($"{path}: has {length:N0} bytes (expected a manifest of at most {MaxFileBytes:N0}).");
        try
        {
            using var stream = File.OpenRead(path);
            var manifest = JsonSerializer.Deserialize(stream, Json.RunManifest)
                ?? throw new InvalidDataException($"{path}: is null (expected an object).");
            return manifest.Schema == RunManifest.SchemaName
                ? manifest
                : throw new InvalidDataException($"{path}: schema: is '{manifest.Schema}' (expected '{RunManifest.SchemaName}').");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}:{(e.LineNumber ?? 0) + 1}: {e.Path}: is no manifest: {e.Message} (expected a file that "
                + "'distill-teacher run' has written).", e);
        }
    }

    /// <summary>What came of a run as JSON, for scripts.</summary>
    public static string ToJson(ManifestResults results) => JsonSerializer.Serialize(results, Json.ManifestResults);
}
