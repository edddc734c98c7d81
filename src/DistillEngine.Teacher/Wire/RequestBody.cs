using System.Text.Encodings.Web;
using System.Text.Json;

namespace DistillEngine.Teacher.Wire;

/// <summary>The JSON that <c>/v1/completions</c> and <c>/v1/chat/completions</c> take.</summary>
public static class RequestBody
{
    /// <summary>Text stays readable; servers read JSON, never a web page.</summary>
    internal static JsonWriterOptions JsonOptions => new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the body as one object. What a parameter leaves open is not sent: strict servers refuse fields they do not know.</summary>
    /// <param name="limitsCompletion">Whether the limit on tokens is called <c>max_completion_tokens</c>, as newer models want.</param>
    public static void Write(Utf8JsonWriter json, TeacherRequest request, bool limitsCompletion = false)
    {
        TeacherParameters parameters = request.Parameters;
        json.WriteStartObject();
        json.WriteString("model", request.Model);
        if (request.Prompt.Text is { } text)
        {
            json.WriteString("prompt", text);
        }
        else
        {
            json.WriteStartArray("messages");
            foreach (TeacherMessage message in request.Prompt.Messages!)
            {
                json.WriteStartObject();
                json.WriteString("role", message.Role);
                json.WriteString("content", message.Content);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteNumber(limitsCompletion ? "max_completion_tokens" : "max_tokens", parameters.MaxTokens);
        if (request.Count > 1) json.WriteNumber("n", request.Count);
        if (parameters.Temperature is { } temperature) json.WriteNumber("temperature", temperature);
        if (parameters.TopP is { } topP) json.WriteNumber("top_p", topP);
        if (parameters.TopK is { } topK) json.WriteNumber("top_k", topK);
        if (request.Seed is { } seed) json.WriteNumber("seed", seed);
        if (parameters.Stop.Count > 0)
        {
            json.WriteStartArray("stop");
            foreach (string stop in parameters.Stop) json.WriteStringValue(stop);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    public static byte[] ToBytes(TeacherRequest request, bool limitsCompletion = false)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, JsonOptions)) Write(json, request, limitsCompletion);
        return stream.ToArray();
    }
}
