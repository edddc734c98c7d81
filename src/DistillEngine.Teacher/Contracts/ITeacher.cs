namespace DistillEngine.Teacher;

/// <summary>Something that answers: a server, a journal, a batch file. One call is one attempt; repeating is the runner's work.</summary>
public interface ITeacher
{
    /// <param name="request">May ask for several samples; the teacher may answer fewer of them, from the first on.</param>
    /// <returns>An answer or, for everything that can go wrong on the way, a reply that says what did.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> was triggered.</exception>
    Task<TeacherReply> AskAsync(TeacherRequest request, CancellationToken cancel);
}
