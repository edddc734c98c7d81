using System.CommandLine;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Replies;
using DistillEngine.Teacher.Reports;
using DistillEngine.Teacher.Sessions;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary><c>distill-teacher parse</c>: makes the rationale file from the journal, by the present rules. Asks nobody.</summary>
static class ParseVerb
{
    public static Command Build(Io io)
    {
        var run = new Argument<string>("RUN") { Description = "Folder of a run" };
        var parser = new ChoiceOption<string>("--parser", "Rules: the task's own, or those of the published code",
            [.. ReplyParsers.Names.Select(name => (name, name))]);
        var ambiguous = new ChoiceOption<string?>("--on-ambiguous", "What becomes of an answer that names several choices", ("task", null),
            (RunFolder.RejectRule, RunFolder.RejectRule), (RunFolder.FirstRule, RunFolder.FirstRule));
        Option<string?> input = Input();
        Option<bool> json = CommonOptions.Json("results, as in manifest.json");
        var command = new Command("parse", "Make rationales.jsonl and rejects.jsonl from a run's journal, without asking anybody")
        {
            run, parser, ambiguous, input, json,
        };
        command.SetAction(p =>
        {
            string path = p.GetValue(run)!;
            using RunFolder folder = RunFolder.TakeExisting(path);
            RunManifest manifest = ManifestFile.Read(path);
            RunSetup setup = RunSetup.Load(manifest, RunPaths.Read(path), p.GetValue(input));
            AnswerReport report = folder.Parse(setup, parser.Of(p), ambiguous.Of(p), TimeProvider.System.GetUtcNow());
            if (p.GetValue(json)) io.WriteJson(w => RunJson.Write(w, report));
            else io.Output.Write(RunReport.Of(ManifestFile.Read(path), report));
            return report.TooManyFailed ? ExitCode.Unparsed : ExitCode.Ok;
        });
        return command;
    }

    public static Option<string?> Input() => new("--input") { Description = "The run's rows, where they have moved", HelpName = "FILE" };
}
