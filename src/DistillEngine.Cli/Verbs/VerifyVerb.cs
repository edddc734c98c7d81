using System.CommandLine;
using System.Globalization;
using DistillEngine.Kernels;
using DistillEngine.Verification;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill verify</c>.</summary>
static class VerifyVerb
{
    public static Command Build(Io io)
    {
        var golden = new Option<string[]>("--golden")
        {
            Description = "Folder of golden cases (models/, optimizers/, tokenizers/, …); may be given more than once", Required = true, HelpName = "FOLDER",
        };
        var data = new Option<string?>("--data") { Description = "Folder of the published data sets, for the checks that need them", HelpName = "FOLDER" };
        Option<int> threads = DeviceOptions.Threads();
        Option<string> device = DeviceOptions.Device();
        Option<bool> json = CommonOptions.Json("one object a check: case, check, worst, error, allowed, pass (null with a reason where it is skipped)");
        var command = new Command("verify", "Compute every golden case on this machine and compare with the reference") { golden, data, threads, device, json };
        command.SetAction(p =>
        {
            using IBackend backend = DeviceOptions.Open(p.GetValue(device)!, p.GetValue(threads), report: io.Error.WriteLine);
            int passed = 0, failed = 0, skipped = 0;
            if (!p.GetValue(json)) io.Output.WriteLine($"{"case",-38} {"check",-34} {"result",-7} {"error",10} {"allowed",10}  worst");
            GoldenRunner.Run(p.GetValue(golden)!, p.GetValue(data), backend, Report, io.Cancel);
            io.Error.WriteLine($"{passed:N0} checks passed, {failed:N0} failed, {skipped:N0} skipped on {backend.Name}.");
            if (passed + failed == 0) io.Error.WriteLine("Every check was skipped, so nothing is verified.");
            return failed == 0 && passed > 0 ? ExitCode.Ok : ExitCode.Failure;

            void Report(CheckResult result)
            {
                if (result.Pass is null) skipped++;
                else if (result.Pass.Value) passed++;
                else failed++;
                if (p.GetValue(json)) WriteJson(io, result);
                else WriteRow(io, result);
            }
        });
        return command;
    }

    static void WriteRow(Io io, CheckResult r)
    {
        string verdict = r.Pass switch { true => "ok", false => "FAILED", _ => "skipped" };
        io.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{r.Case,-38} {r.Check,-34} {verdict,-7} {Number(r.Error),10} {Number(r.Allowed),10}  {r.Reason ?? r.Worst}"));
    }

    static string Number(double? value) => value is { } v ? v.ToString("0.0e+0", CultureInfo.InvariantCulture) : "";

    static void WriteJson(Io io, CheckResult r) => io.WriteJson(w =>
    {
        w.WriteString("case", r.Case);
        w.WriteString("check", r.Check);
        w.WriteString("worst", r.Worst);
        WriteNumber(w, "error", r.Error);
        WriteNumber(w, "allowed", r.Allowed);
        if (r.Pass is { } pass) w.WriteBoolean("pass", pass);
        else w.WriteNull("pass");
        if (r.Reason is not null) w.WriteString("reason", r.Reason);
    });

    static void WriteNumber(System.Text.Json.Utf8JsonWriter w, string name, double? value)
    {
        if (value is { } v && double.IsFinite(v)) w.WriteNumber(name, v);
        else w.WriteNull(name);
    }
}
