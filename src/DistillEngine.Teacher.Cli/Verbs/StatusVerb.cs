using System.CommandLine;
using System.Globalization;
using DistillEngine.Teacher.Reports;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Sessions;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary><c>distill-teacher status</c>: how far a run is, from its journal alone; also while it goes on.</summary>
static class StatusVerb
{
    public static Command Build(Io io)
    {
        var run = new Argument<string>("RUN") { Description = "Folder of a run" };
        Option<bool> json = CommonOptions.Json("run, model, isRunning, requests, answered, attempts, estimatedAttempts, inputTokens, outputTokens, "
            + "usd, errors");
        var command = new Command("status", "Show how far a run is; also while it goes on") { run, json };
        command.SetAction(p =>
        {
            string path = p.GetValue(run)!;
            RunManifest manifest = ManifestFile.Read(path);
            var state = JournalSummary.Of(path);
            int requests = RunPaths.Read(path).Requests;
            double? dollars = manifest.Prices is { } prices
                ? new Prices(prices.Input, prices.Output).Of(state.Spent.InputTokens, state.Spent.OutputTokens)
                : null;
            if (p.GetValue(json)) WriteJson(io, manifest, state, requests, dollars, RunLock.IsHeld(path));
            else WriteText(io, manifest, state, requests, dollars, RunLock.IsHeld(path));
            return ExitCode.Ok;
        });
        return command;
    }

    static void WriteText(Io io, RunManifest manifest, JournalSummary state, int requests, double? dollars, bool isRunning)
    {
        io.Output.WriteLine($"run        {manifest.Run}, {(isRunning ? "going on" : state.Answered >= requests ? "complete" : "stopped")}");
        io.Output.WriteLine($"teacher    {manifest.Model}{(manifest.Endpoint is null ? "" : $" at {manifest.Endpoint}")}");
        io.Output.WriteLine($"answered   {state.Answered:N0} of {requests:N0}");
        io.Output.WriteLine($"attempts   {state.Spent.Requests:N0}{(state.Errors.Count == 0 ? "" : $", failed: {RunReport.Counts([.. state.Errors])}")}");
        io.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"tokens     {state.Spent.InputTokens:N0} read, {state.Spent.OutputTokens:N0} written{(dollars is { } usd ? $", ${usd:0.####}" : "")}"
            + $"{RunReport.Estimated(state.Estimated)}"));
    }

    static void WriteJson(Io io, RunManifest manifest, JournalSummary state, int requests, double? dollars, bool isRunning) => io.WriteJson(w =>
    {
        w.WriteString("run", manifest.Run);
        w.WriteString("model", manifest.Model);
        w.WriteBoolean("isRunning", isRunning);
        w.WriteNumber("requests", requests);
        w.WriteNumber("answered", state.Answered);
        w.WriteNumber("attempts", state.Spent.Requests);
        w.WriteNumber("estimatedAttempts", state.Estimated);
        w.WriteNumber("inputTokens", state.Spent.InputTokens);
        w.WriteNumber("outputTokens", state.Spent.OutputTokens);
        if (dollars is { } usd) w.WriteNumber("usd", usd);
        else w.WriteNull("usd");
        w.WriteStartObject("errors");
        foreach (var (kind, count) in state.Errors) w.WriteNumber(kind, count);
        w.WriteEndObject();
    });
}
