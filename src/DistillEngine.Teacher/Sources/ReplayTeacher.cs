namespace DistillEngine.Teacher.Sources;

/// <summary>Answers from a journal, without network: the same question gets the answer that was recorded.</summary>
public sealed class ReplayTeacher : ITeacher
{
    readonly Dictionary<string, JournalEntry> _answers = new(StringComparer.Ordinal);
    readonly string _path;

    /// <exception cref="InvalidDataException">The journal is damaged.</exception>
    /// <exception cref="FileNotFoundException">There is no journal.</exception>
    public ReplayTeacher(string journal)
    {
        _path = journal;
        foreach (JournalEntry entry in JournalReader.Read(journal))
            if (entry.IsAnswer) _answers.TryAdd(entry.Key, entry);
    }

    public Task<TeacherReply> AskAsync(TeacherRequest request, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        // One sample at a time, so that each keeps the counts that were recorded for it.
        return Task.FromResult(_answers.TryGetValue(request.Key, out JournalEntry? entry)
            ? new TeacherReply
            {
                Status = entry.Status,
                Text = entry.Text,
                Reasoning = entry.Reasoning,
                Finish = entry.Finish,
                Usage = entry.Usage,
                Model = entry.Model,
                Fingerprint = entry.Fingerprint,
                RequestId = entry.RequestId,
                Milliseconds = entry.Milliseconds,
            }
            : new TeacherReply { ErrorKind = TeacherErrorKind.BadRequest, Error = $"{_path} holds no answer to this question (key {request.Key})" });
    }
}
