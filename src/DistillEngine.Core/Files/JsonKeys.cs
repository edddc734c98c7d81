using System.Text.Json;

namespace DistillEngine.Core;

/// <summary>Looks for keys that stand twice in an object of a JSON text: readers would take one of the values in silence.</summary>
/// <remarks>The runtime's own option for it takes random numbers from OpenSSL on Linux, and ends the process where that is absent.</remarks>
public static class JsonKeys
{
    /// <summary>The first key that stands twice in one object; null where all are unique. Every string is decoded once.</summary>
    /// <exception cref="JsonException">The text is not JSON.</exception>
    /// <exception cref="InvalidOperationException">A string is no Unicode text.</exception>
    public static string? FindRepeated(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8);
        var objects = new Stack<HashSet<string>>();
        while (reader.Read())
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject: objects.Push([]); break;
                case JsonTokenType.EndObject: objects.Pop(); break;
                case JsonTokenType.PropertyName when reader.GetString()! is var key && !objects.Peek().Add(key): return key;
                case JsonTokenType.String: reader.GetString(); break;
            }
        return null;
    }
}
