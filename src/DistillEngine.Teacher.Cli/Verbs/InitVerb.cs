using System.CommandLine;
using DistillEngine.Teacher.Prompts;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary><c>distill-teacher init</c>: files to start an own task from.</summary>
static class InitVerb
{
    public static Command Build(Io io)
    {
        var task = new ChoiceOption<string>("--task", "Kind of the task", [.. Starter.Kinds.Select(kind => (kind, kind))])
        {
            Required = true, DefaultValueFactory = null,
        };
        var output = new Option<string>("--output") { Description = "Folder to write into", Required = true, HelpName = "FOLDER" };
        var command = new Command("init", "Write a task file, worked examples and questions to start from") { task, output };
        command.SetAction(p =>
        {
            string folder = p.GetValue(output)!;
            foreach (string path in Starter.Write(task.Of(p), folder)) io.Output.WriteLine(path);
            io.Error.WriteLine($"Next: distill-teacher plan --task {Path.Combine(folder, "task.json")} --input "
                + $"{Path.Combine(folder, "questions.jsonl")} --model NAME");
            return ExitCode.Ok;
        });
        return command;
    }
}
