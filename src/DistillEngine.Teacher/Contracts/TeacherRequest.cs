using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;

namespace DistillEngine.Teacher;

/// <summary>One question to a teacher: a row, and which of the row's samples; it may ask for the samples that follow as well.</summary>
public sealed class TeacherRequest
{
    /// <summary>128 of SHA-256's bits: collisions stay out of reach for any number of requests a run can hold.</summary>
    const int KeyBytes = 16;

    /// <param name="rowId">The row's <c>task/split/key</c>.</param>
    /// <param name="sample">Number of the sample, from 0.</param>
    /// <param name="count">Samples asked for, at least 1: this one and those after it.</param>
    public TeacherRequest(string rowId, int sample, string model, TeacherPrompt prompt, TeacherParameters parameters, int count = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        (RowId, Sample, Model, Prompt, Parameters, Count) = (rowId, sample, model, prompt, parameters, count);
        Key = KeyOf(sample);
    }

    public string RowId { get; }

    public int Sample { get; }

    public string Model { get; }

    public TeacherPrompt Prompt { get; }

    public TeacherParameters Parameters { get; }

    /// <summary>Samples asked for.</summary>
    public int Count { get; }

    /// <summary>Seed of this sample, or null.</summary>
    public long? Seed => Parameters.Seed + Sample;

    /// <summary>
    /// What makes two requests the same: 32 hexadecimal digits of SHA-256 over model, prompt, parameters and sample. Neither the row's id
    /// nor the server is part of it, nor what else is asked for along with it.
    /// </summary>
    public string Key { get; }

    /// <summary>The prompt in canonical JSON, which <see cref="Key"/> is a hash over; <c>prompt_sha</c> values build on it.</summary>
    public static void WriteCanonical(Utf8JsonWriter json, TeacherPrompt prompt)
    {
        if (prompt.Text is { } text)
        {
            json.WriteString("prompt", text);
            return;
        }
        json.WriteStartArray("messages");
        foreach (TeacherMessage message in prompt.Messages!)
        {
            json.WriteStartObject();
            json.WriteString("content", message.Content);
            json.WriteString("role", message.Role);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>The parameters in canonical JSON: sorted keys, nothing that is not sent.</summary>
    public static void WriteCanonical(Utf8JsonWriter json, TeacherParameters parameters)
    {
        json.WriteStartObject("params");
        json.WriteNumber("max_tokens", parameters.MaxTokens);
        if (parameters.Seed is { } seed) json.WriteNumber("seed", seed);
        if (parameters.Stop.Count > 0)
        {
            json.WriteStartArray("stop");
            foreach (string stop in parameters.Stop) json.WriteStringValue(stop);
            json.WriteEndArray();
        }
        if (parameters.Temperature is { } temperature) json.WriteNumber("temperature", temperature);
        if (parameters.TopK is { } topK) json.WriteNumber("top_k", topK);
        if (parameters.TopP is { } topP) json.WriteNumber("top_p", topP);
        json.WriteEndObject();
    }

    /// <summary>The key of another sample of the same row.</summary>
    public string KeyOf(int sample)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("model", Model);
            WriteCanonical(json, Prompt);
            WriteCanonical(json, Parameters);
            json.WriteNumber("sample", sample);
            json.WriteEndObject();
        }
        return Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan).AsSpan(0, KeyBytes));
    }
}
