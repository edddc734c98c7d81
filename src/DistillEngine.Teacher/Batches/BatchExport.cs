using System.Text.Json;
using DistillEngine.Core;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Wire;

namespace DistillEngine.Teacher.Batches;

/// <summary>
/// Writes the unanswered questions of a plan as files of the OpenAI Batch interface, which vLLM and others run without network, and without
/// this machine knowing a key. <c>custom_id</c> is the question's key.
/// </summary>
public static class BatchExport
{
    /// <summary>Name of the folder within a run.</summary>
    public const string FolderName = "batch";

    /// <summary>Largest number of requests in a file (OpenAI's limit).</summary>
    const int RequestsAFile = 50_000;

    /// <summary>Largest file: OpenAI takes 200 MB, counted in one of two ways.</summary>
    const long BytesAFile = 190_000_000;

    /// <summary>Writes <c>batch/requests-0001.jsonl</c> and so on; files of an earlier export are replaced.</summary>
    /// <param name="limitsCompletion">Whether the limit on tokens is called <c>max_completion_tokens</c>.</param>
    /// <returns>The files and how many questions they hold.</returns>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static BatchExportReport Write(string folder, RunPlan plan, RunHistory history, bool limitsCompletion)
    {
        string target = Path.Combine(folder, FolderName);
        Directory.CreateDirectory(target);
        foreach (string old in Directory.EnumerateFiles(target, "requests-*.jsonl")) File.Delete(old);
        var files = new List<string>();
        int requests = 0;
        using IEnumerator<byte[]> lines = Lines(plan, history, limitsCompletion).GetEnumerator();
        bool isMore = lines.MoveNext();
        while (isMore)
        {
            string path = Path.Combine(target, $"requests-{files.Count + 1:D4}.jsonl");
            AtomicFile.Write(path, stream =>
            {
                long bytes = 0;
                for (int i = 0; isMore && i < RequestsAFile && (i == 0 || bytes + lines.Current.Length <= BytesAFile); i++)
                {
                    stream.Write(lines.Current);
                    bytes += lines.Current.Length;
                    requests++;
                    isMore = lines.MoveNext();
                }
            });
            files.Add(path);
        }
        return new(files, requests);
    }

    static IEnumerable<byte[]> Lines(RunPlan plan, RunHistory history, bool limitsCompletion)
    {
        foreach (PlannedRequest planned in plan.Requests)
            if (!history.IsAnswered(planned.Key)) yield return Line(plan.Request(planned), limitsCompletion);
    }

    static byte[] Line(TeacherRequest request, bool limitsCompletion)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, RequestBody.JsonOptions))
        {
            json.WriteStartObject();
            json.WriteString("custom_id", request.Key);
            json.WriteString("method", "POST");
            json.WriteString("url", request.Prompt.IsChat ? "/v1/chat/completions" : "/v1/completions");
            json.WritePropertyName("body");
            RequestBody.Write(json, request, limitsCompletion);
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }
}
