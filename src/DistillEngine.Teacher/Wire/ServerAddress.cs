namespace DistillEngine.Teacher.Wire;

/// <summary>Where an OpenAI-compatible server listens, and how its two ways to be asked are addressed.</summary>
public sealed class ServerAddress
{
    readonly Uri _base;

    ServerAddress(Uri address) => _base = address;

    /// <summary>Scheme, host, port and path; no query and no user name, which may hold secrets.</summary>
    public string Display => _base.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped).TrimEnd('/');

    /// <summary>Host and port alone, for manifests.</summary>
    public string Host => _base.Authority;

    /// <summary>Azure takes its key in a header of its own.</summary>
    public bool IsAzure => _base.Host.EndsWith(".azure.com", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a key sent there can be read on the way.</summary>
    public bool IsOpenToListeners => _base.Scheme == Uri.UriSchemeHttp && !_base.IsLoopback;

    /// <summary>Reads the address users know: with or without <c>/v1</c>, with or without the endpoint's own path.</summary>
    /// <exception cref="ArgumentException">The text is no http or https address.</exception>
    public static ServerAddress Parse(string baseUrl)
    {
        if (!Uri.TryCreate(baseUrl, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https"))
            throw new ArgumentException("the base URL is no http or https address (expected one such as https://api.openai.com/v1 or http://localhost:8000).");
        if (uri.UserInfo.Length > 0)
            throw new ArgumentException("the base URL holds a user name or password (expected none: the key comes from OPENAI_API_KEY or a key file).");
        string path = uri.AbsolutePath.TrimEnd('/');
        foreach (string ending in (ReadOnlySpan<string>)["/chat/completions", "/completions"])
        {
            if (!path.EndsWith(ending, StringComparison.Ordinal)) continue;
            path = path[..^ending.Length];
            break;
        }
        if (path.Length == 0) path = "/v1";
        return new(new UriBuilder(uri) { Path = path, Fragment = "" }.Uri);
    }

    /// <summary>Where completions or chats are asked for.</summary>
    public Uri Endpoint(bool isChat) => new UriBuilder(_base)
    {
        Path = _base.AbsolutePath.TrimEnd('/') + (isChat ? "/chat/completions" : "/completions"),
    }.Uri;
}
