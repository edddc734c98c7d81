using System.Globalization;
using Microsoft.Extensions.AI;

namespace DistillEngine.Teacher.Sources;

/// <summary>Asks any <see cref="IChatClient"/>: whatever has an adapter for Microsoft.Extensions.AI can be the teacher.</summary>
/// <param name="client">Should repeat nothing itself: the runner does, and counts every attempt.</param>
/// <param name="timeout">For one attempt.</param>
public sealed class ChatClientTeacher(IChatClient client, TimeSpan timeout, TimeProvider time) : ITeacher
{
    public async Task<TeacherReply> AskAsync(TeacherRequest request, CancellationToken cancel)
    {
        long start = time.GetTimestamp();
        using var limit = new CancellationTokenSource(timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        TeacherReply reply;
        try
        {
            reply = Read(await client.GetResponseAsync(Messages(request.Prompt), Options(request), both.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            reply = new()
            {
                ErrorKind = TeacherErrorKind.Timeout,
                Error = $"no whole answer within {timeout.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture)} s",
            };
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Adapters throw whatever their library throws; a status in it decides whether repeating makes sense.
            int status = e is HttpRequestException { StatusCode: { } code } ? (int)code : 0;
            reply = new() { Status = status, ErrorKind = Kind(status), Error = e.Message.ReplaceLineEndings(" ") };
        }
        return reply with { Milliseconds = (long)time.GetElapsedTime(start).TotalMilliseconds };
    }

    static TeacherErrorKind Kind(int status) => status == 0 ? TeacherErrorKind.Transport : Wire.ErrorText.Classify(status, []).Kind;

    static List<ChatMessage> Messages(TeacherPrompt prompt) => prompt.Text is { } text
        ? [new ChatMessage(ChatRole.User, text)]
        : [.. prompt.Messages!.Select(m => new ChatMessage(new ChatRole(m.Role), m.Content))];

    static ChatOptions Options(TeacherRequest request) => new()
    {
        ModelId = request.Model,
        MaxOutputTokens = request.Parameters.MaxTokens,
        Temperature = (float?)request.Parameters.Temperature,
        TopP = (float?)request.Parameters.TopP,
        TopK = request.Parameters.TopK,
        Seed = request.Seed,
        StopSequences = request.Parameters.Stop.Count > 0 ? [.. request.Parameters.Stop] : null,
    };

    static TeacherReply Read(ChatResponse response)
    {
        string reasoning = string.Concat(response.Messages.SelectMany(m => m.Contents).OfType<TextReasoningContent>().Select(c => c.Text));
        UsageDetails? usage = response.Usage;
        return new()
        {
            Status = 200,
            Text = response.Text,
            Reasoning = reasoning.Length > 0 ? reasoning : null,
            Finish = response.FinishReason?.Value,
            Usage = usage is null ? null : new(usage.InputTokenCount, usage.OutputTokenCount, usage.CachedInputTokenCount),
            Model = response.ModelId,
            RequestId = response.ResponseId,
        };
    }
}
