using System.Text.Json;

namespace DistillEngine.Terminal;

/// <summary>Where a verb reads its cancellation and writes: data to <see cref="Output"/>, messages to <see cref="Error"/>.</summary>
public sealed record Io(TextWriter Output, TextWriter Error, CancellationToken Cancel)
{
    /// <summary>Whether messages go to a terminal that can redraw a line.</summary>
    public bool IsTerminal =>
        ReferenceEquals(Error, Console.Error) && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>Writes one JSON object as a line of data.</summary>
    public void WriteJson(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions
        {
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        Output.WriteLine(System.Text.Encoding.UTF8.GetString(stream.ToArray()));
    }
}
