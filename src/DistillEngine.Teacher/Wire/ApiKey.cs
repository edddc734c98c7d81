using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace DistillEngine.Teacher.Wire;

/// <summary>The secret a server knows us by. It goes into one header and nowhere else: its text form hides it.</summary>
public sealed class ApiKey
{
    /// <summary>Where the key is looked for unless a file is named.</summary>
    public const string Variable = "OPENAI_API_KEY";

    /// <summary>Shorter keys would be cut out of ordinary words of a message.</summary>
    const int ShortestScrubbed = 6;

    readonly string? _secret;
    readonly Regex? _traces;

    ApiKey(string? secret)
    {
        _secret = secret;
        if (secret is { Length: >= ShortestScrubbed }) _traces = new Regex(TracesOf(secret), RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
    }

    /// <summary>For servers that need no key.</summary>
    public static ApiKey None { get; } = new(null);

    public bool IsPresent => _secret is not null;

    internal string? Secret => _secret;

    /// <summary>The key of a file, else of the environment, else none.</summary>
    /// <exception cref="InvalidDataException">The key is empty or cannot stand in a header.</exception>
    /// <exception cref="FileNotFoundException">The file does not exist.</exception>
    public static ApiKey Load(string? keyFile)
    {
        if (keyFile is not null)
        {
            if (!File.Exists(keyFile)) throw new FileNotFoundException($"{keyFile}: no such key file (expected a file that holds the key alone).", keyFile);
            return Of(File.ReadAllText(keyFile), keyFile);
        }
        string? value = Environment.GetEnvironmentVariable(Variable);
        return string.IsNullOrWhiteSpace(value) ? None : Of(value, Variable);
    }

    /// <param name="origin">File or variable, for the error.</param>
    /// <exception cref="InvalidDataException">The key is empty or cannot stand in a header.</exception>
    public static ApiKey Of(string text, string origin)
    {
        string key = text.Trim();
        if (key.Length == 0) throw new InvalidDataException($"{origin}: holds no key (expected the key and nothing else).");
        foreach (char c in key)
        {
            if (c is <= ' ' or >= '\x7F')
                throw new InvalidDataException($"{origin}: the key holds a blank, line break or letter outside ASCII (expected the key and nothing else).");
        }
        return new(key);
    }

    /// <summary>A text without the key, should a server repeat it: as it is, or escaped for JSON (also JSON within JSON), addresses or pages.</summary>
    public string Scrub(string text) => _traces?.Replace(text, "(key)") ?? text;

    /// <summary>As <see cref="Scrub(string)"/>, for UTF-8.</summary>
    /// <returns>The same memory where the key does not occur.</returns>
    public ReadOnlyMemory<byte> Scrub(ReadOnlyMemory<byte> utf8)
    {
        if (_traces is null) return utf8;
        string text = Encoding.UTF8.GetString(utf8.Span), scrubbed = Scrub(text);
        return text == scrubbed ? utf8 : Encoding.UTF8.GetBytes(scrubbed);
    }

    public override string ToString() => IsPresent ? "(key)" : "(no key)";

    static string TracesOf(string secret)
    {
        var pattern = new StringBuilder();
        foreach (char c in secret)
        {
            string sign = Regex.Escape(c.ToString()), named = Regex.Escape(WebUtility.HtmlEncode(c.ToString()));
            pattern.Append(CultureInfo.InvariantCulture, $@"(?:\\*{sign}|\\+u{(int)c:x4}|%{(int)c:x2}|&#0*{(int)c};|&#x0*{(int)c:x};|{named})");
        }
        return pattern.ToString();
    }
}
