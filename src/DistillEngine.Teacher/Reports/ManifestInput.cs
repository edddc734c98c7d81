using System.Security.Cryptography;
using System.Text.Json.Serialization;

namespace DistillEngine.Teacher.Reports;

/// <summary>An input file of a run.</summary>
/// <param name="Path">Full path, where <c>parse</c> finds the rows again.</param>
/// <param name="Sha256">Of the file's bytes.</param>
public sealed record ManifestInput(string Path, string Sha256, int Rows)
{
    /// <summary>Name without folder.</summary>
    [JsonIgnore]
    public string Name => System.IO.Path.GetFileName(Path);

    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ManifestInput Of(string path, int rows) => new(System.IO.Path.GetFullPath(path), HashOf(path), rows);

    /// <summary>SHA-256 of a file, lower-case hexadecimal.</summary>
    public static string HashOf(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
