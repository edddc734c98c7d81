using System.CommandLine;
using System.Globalization;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Sessions;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary><c>distill-teacher plan</c>: what a run would ask, cost and take. Asks nobody.</summary>
static class PlanVerb
{
    public static Command Build(Io io)
    {
        var questions = new QuestionOptions();
        Option<int> samplesARequest = RateOptions.SamplesARequest();
        Option<int?> rpm = RateOptions.RequestsAMinute();
        Option<long?> tpm = RateOptions.TokensAMinute();
        var prompts = CommonOptions.AtLeast(new Option<int>("--show") { Description = "Prompts to show", DefaultValueFactory = _ => 1, HelpName = "N" }, 0);
        Option<bool> json = CommonOptions.Json("rows, samples, requests, requestsTogether, repeated, promptTokens, promptTokensTogether, "
            + "answerTokens {low, high}, usd {low, high}, seconds, prompts");
        var command = new Command("plan", "Show prompts, tokens, cost and time of a run, without asking anybody");
        questions.AddTo(command);
        questions.AddPricesTo(command);
        foreach (Option option in (Option[])[samplesARequest, rpm, tpm, prompts, json]) command.Options.Add(option);
        command.SetAction(p =>
        {
            RunSetup setup = RunSetup.Load(questions.Question(p));
            var forecast = RunForecast.Of(setup.Plan, questions.Prices(p), p.GetValue(samplesARequest), p.GetValue(rpm), p.GetValue(tpm));
            List<TeacherRequest> shown = [.. setup.Plan.Requests.Take(p.GetValue(prompts)).Select(planned => setup.Plan.Request(planned))];
            if (p.GetValue(json)) WriteJson(io, setup, forecast, shown);
            else WriteText(io, setup, forecast, shown);
            return ExitCode.Ok;
        });
        return command;
    }

    static void WriteText(Io io, RunSetup setup, RunForecast forecast, List<TeacherRequest> shown)
    {
        RunPlan plan = setup.Plan;
        foreach (TeacherRequest request in shown)
        {
            io.Output.WriteLine($"── {request.RowId}, sample {request.Sample}, key {request.Key}");
            if (request.Prompt.Text is { } text) io.Output.WriteLine(text);
            else
                foreach (TeacherMessage message in request.Prompt.Messages!) io.Output.WriteLine($"[{message.Role}] {message.Content}");
            io.Output.WriteLine("──");
        }
        io.Output.WriteLine($"task       {setup.Task.Name}, {setup.Shots.Shots.Count} worked examples, asked as {RunSetup.FormName(setup.Renderer.IsChat)}");
        io.Output.WriteLine($"rows       {plan.Rows.Count:N0}, {plan.Samples:N0} answers each");
        io.Output.WriteLine(
            $"requests   {plan.Requests.Count:N0}{(plan.Repeated > 0 ? $", {plan.Repeated:N0} more equal an earlier one and share its answer" : "")}");
        if (forecast.RequestsTogether < forecast.Requests)
            io.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"together   {forecast.RequestsTogether:N0} requests that read about {forecast.PromptTokensTogether:N0} tokens, "
                + $"where the server gives several answers at once (n)"));
        io.Output.WriteLine($"tokens     about {forecast.PromptTokens:N0} read, {forecast.AnswerTokensLow:N0} to {forecast.AnswerTokensHigh:N0} written");
        io.Output.WriteLine(forecast.DollarsHigh is { } high
            ? string.Create(CultureInfo.InvariantCulture, $"cost       ${forecast.DollarsLow:0.####} to ${high:0.####}")
            : "cost       not known; give --price-in and --price-out");
        io.Output.WriteLine(forecast.ShortestTime is { } time
            ? $"time       at least {ProgressText.Duration(time)} under these limits"
            : "time       as fast as the server answers; give --rpm or --tpm to reckon with its limits");
    }

    static void WriteJson(Io io, RunSetup setup, RunForecast forecast, List<TeacherRequest> shown) => io.WriteJson(w =>
    {
        w.WriteString("task", setup.Task.Name);
        w.WriteString("api", RunSetup.FormName(setup.Renderer.IsChat));
        w.WriteNumber("rows", setup.Plan.Rows.Count);
        w.WriteNumber("samples", setup.Plan.Samples);
        w.WriteNumber("requests", forecast.Requests);
        w.WriteNumber("requestsTogether", forecast.RequestsTogether);
        w.WriteNumber("repeated", setup.Plan.Repeated);
        w.WriteNumber("promptTokens", forecast.PromptTokens);
        w.WriteNumber("promptTokensTogether", forecast.PromptTokensTogether);
        w.WriteStartObject("answerTokens");
        w.WriteNumber("low", forecast.AnswerTokensLow);
        w.WriteNumber("high", forecast.AnswerTokensHigh);
        w.WriteEndObject();
        if (forecast.DollarsHigh is { } high)
        {
            w.WriteStartObject("usd");
            w.WriteNumber("low", forecast.DollarsLow!.Value);
            w.WriteNumber("high", high);
            w.WriteEndObject();
        }
        else
        {
            w.WriteNull("usd");
        }
        if (forecast.ShortestTime is { } time) w.WriteNumber("seconds", time.TotalSeconds);
        else w.WriteNull("seconds");
        w.WriteStartArray("prompts");
        foreach (TeacherRequest request in shown)
        {
            w.WriteStartObject();
            w.WriteString("id", request.RowId);
            w.WriteString("key", request.Key);
            TeacherRequest.WriteCanonical(w, request.Prompt);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    });
}
