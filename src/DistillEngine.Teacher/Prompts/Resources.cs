using System.Text;

namespace DistillEngine.Teacher.Prompts;

/// <summary>Embedded texts of this folder, by their path with dots for slashes.</summary>
static class Resources
{
    public static string ReadText(string name)
    {
        using var stream = typeof(Resources).Assembly.GetManifestResourceStream($"DistillEngine.Teacher.Prompts.{name}")
            ?? throw new InvalidOperationException($"the embedded text '{name}' is missing.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
