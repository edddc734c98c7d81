using System.Security.Cryptography;

namespace DistillEngine.Teacher.Reports;

/// <summary>An input file of a run.</summary>
/// <param name="Name">Name without folder: where it lay is nobody's business.</param>
/// <param name="Sha256">Of the file's bytes.</param>
public sealed record ManifestInput(string Name, string Sha256, int Rows)
{
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ManifestInput Of(string path, int rows) => new(Path.GetFileName(path), HashOf(path), rows);

    /// <summary>SHA-256 of a file, lower-case hexadecimal.</summary>
    public static string HashOf(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
