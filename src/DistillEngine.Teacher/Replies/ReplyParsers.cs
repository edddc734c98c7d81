using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Replies;

/// <summary>The sets of parsing rules, by name.</summary>
public static class ReplyParsers
{
    /// <summary>Names that <see cref="For"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = ["task", "published"];

    /// <param name="name"><c>task</c>: the rules of the task's <c>parse</c> section; <c>published</c>: those of the published
    /// code.</param>
    /// <exception cref="ArgumentException">The name is unknown, or there are no published rules for this task.</exception>
    public static IReplyParser For(TaskDefinition task, string name = "task") => name switch
    {
        "task" => new ReplyParser(task),
        "published" => new PublishedReplyParser(PublishedParser.For(task.Name)),
        _ => throw new ArgumentException($"'{name}' is no parser (expected {string.Join(" or ", Names)}).", nameof(name)),
    };
}
