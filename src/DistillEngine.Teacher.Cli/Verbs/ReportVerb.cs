using System.CommandLine;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Reports;
using DistillEngine.Teacher.Sessions;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary><c>distill-teacher report</c>: what came of a run's rows.</summary>
static class ReportVerb
{
    public static Command Build(Io io)
    {
        var run = new Argument<string>("RUN") { Description = "Folder of a run" };
        Option<string?> input = ParseVerb.Input();
        Option<bool> json = CommonOptions.Json("results, as in manifest.json");
        var command = new Command("report", "Show answers by parse code, errors, cost and the teacher's accuracy") { run, input, json };
        command.SetAction(p =>
        {
            string path = p.GetValue(run)!;
            RunManifest manifest = ManifestFile.Read(path);
            RunSetup setup = RunSetup.Load(manifest, RunPaths.Read(path), p.GetValue(input));
            AnswerReport report = RunFolder.Inspect(path, setup, manifest);
            if (p.GetValue(json)) io.WriteJson(w => RunJson.Write(w, report));
            else io.Output.Write(RunReport.Of(manifest, report));
            return ExitCode.Ok;
        });
        return command;
    }
}
