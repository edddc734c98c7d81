using System.Text.RegularExpressions;
using Xunit;

namespace DistillEngine.Tests.House;

/// <summary>Files stay short enough to read, and are found under the name of what they hold.</summary>
public partial class SourceFileTests
{
    const int MaxLines = 450;

    [Fact]
    public void Files_AreShort()
    {
        var tooLong = from file in Repository.Files("*.cs")
                      let lines = File.ReadLines(Path.Combine(Repository.Root, file)).Count()
                      where lines > MaxLines
                      select $"{file}: {lines} lines";
        Assert.True(!tooLong.Any(), string.Join(Environment.NewLine, tooLong));
    }

    [Fact]
    public void Files_AreNamedAfterAPublicTypeOfTheirs()
    {
        var misnamed = from file in Repository.Files("*.cs")
                       let types = PublicTypes(File.ReadAllText(Path.Combine(Repository.Root, file)))
                       let name = Path.GetFileNameWithoutExtension(file)
                       where types.Length > 0 && !types.Contains(name.Split('.')[0]) && !types.Contains(name.Replace(".", "", StringComparison.Ordinal))
                       select $"{file}: holds {string.Join(", ", types)}";
        Assert.True(!misnamed.Any(), string.Join(Environment.NewLine, misnamed));
    }

    [Fact]
    public void Files_LeaveNothingForLater()
    {
        string[] marks = ["todo:", "fixme"];
        var found = from file in Repository.Files("*.cs")
                    where !file.EndsWith("SourceFileTests.cs", StringComparison.Ordinal)
                    let text = File.ReadAllText(Path.Combine(Repository.Root, file))
                    from word in marks
                    where text.Contains(word, StringComparison.OrdinalIgnoreCase)
                    select $"{file}: {word}";
        Assert.True(!found.Any(), string.Join(Environment.NewLine, found));
    }

    /// <summary>A published distill runs on machines with nothing but the C library: what the runtime takes from OpenSSL ends the process there. The
    /// teacher's client needs it for HTTPS.</summary>
    [Fact]
    public void Files_OfDistill_TakeNothingFromOpenSsl()
    {
        string[] marks = ["System.Security.Cryptography", "AllowDuplicateProperties = false"];
        var found = from file in Repository.Files("*.cs")
                    where file.StartsWith("kernels/", StringComparison.Ordinal)
                        || file.StartsWith("src/", StringComparison.Ordinal) && !file.StartsWith("src/DistillEngine.Teacher", StringComparison.Ordinal)
                    let text = File.ReadAllText(Path.Combine(Repository.Root, file))
                    from mark in marks
                    where text.Contains(mark, StringComparison.Ordinal)
                    select $"{file}: {mark}";
        Assert.True(!found.Any(), string.Join(Environment.NewLine, found));
    }

    static string[] PublicTypes(string text) => [.. PublicType().Matches(text).Select(match => match.Groups["name"].Value)];

    // Types of a file-scoped namespace start in the first column; nested ones do not. Parts of a type are named after the part.
    [GeneratedRegex(@"^public (?:static |sealed |abstract |readonly |unsafe |ref )*"
        + @"(?:class|struct|record struct|record class|record|interface|enum) (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex PublicType();
}
