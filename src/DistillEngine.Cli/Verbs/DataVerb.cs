using System.CommandLine;
using System.Globalization;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Import;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Data.Tokenization;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill data</c>: what can be done with rationale files before training.</summary>
static class DataVerb
{
    const int ErrorsShown = 20;
    const int LabelsShown = 12;

    public static Command Build(Io io) => new("data", "Import, look at and check rationale files")
    {
        BuildImport(io), BuildStats(io), BuildPreview(io), BuildValidate(io), BuildSample(io),
    };

    static Command BuildImport(Io io)
    {
        Option<string> task = Task(isRequired: true);
        var split = new Option<string>("--split") { Description = "train, valid or test", Required = true, HelpName = "NAME" };
        var input = new Option<string>("--input")
        {
            Description = "Folder of the published data set: X_train.json and llm/train_CoT_0.json …", Required = true, HelpName = "FOLDER",
        };
        var output = new Option<string>("--output") { Description = "Rationale file to write (.gz allowed)", Required = true, HelpName = "FILE" };
        Option<bool> json = CommonOptions.Json("rows, parsed, teacherAccuracy (0 to 1)");
        var dss = new Command("dss", "The layout of the published Distilling Step-by-Step data, read with the published parsers")
        {
            task, split, input, output, json,
        };
        dss.SetAction(p =>
        {
            ImportReport report = DssImporter.Import(TaskReader.Load(p.GetValue(task)!), p.GetValue(split)!, p.GetValue(input)!, p.GetValue(output)!);
            foreach (string warning in report.Warnings) io.Error.WriteLine($"warning: {warning}");
            if (p.GetValue(json))
            {
                io.WriteJson(w =>
                {
                    w.WriteNumber("rows", report.Rows);
                    w.WriteNumber("parsed", report.Parsed);
                    w.WriteNumber("teacherAccuracy", report.TeacherAccuracy);
                });
                return ExitCode.Ok;
            }
            foreach (RationaleRow row in report.Examples)
                io.Error.WriteLine($"{row.Id}\n  input     {OneLine(row.Input)}\n  label     {row.Label}\n  teacher   "
                    + $"{row.TeacherLabel ?? "(not parsed)"}\n  rationale {OneLine(row.Rationale ?? "(none)")}");
            io.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{report.Rows:N0} rows, {report.Parsed:N0} parsed, teacher {100 * report.TeacherAccuracy:F2} % correct"));
            string data = CommandText.Quote(p.GetValue(output)!), definition = CommandText.Quote(p.GetValue(task)!);
            // Only what is held out measures a model.
            io.Error.WriteLine($"Wrote {p.GetValue(output)}. Next: "
                + (p.GetValue(split) == "train" ? $"distill train --data {data} --task {definition} …" : $"distill eval --data {data} --model DIR"));
            return ExitCode.Ok;
        });
        return new Command("import", "Make a rationale file from other formats") { dss };
    }

    static Command BuildStats(Io io)
    {
        Argument<string> file = File();
        Option<string> task = Task(isRequired: false);
        var tokenizer = new Option<string?>("--tokenizer") { Description = "Also count tokens with this tokenizer", HelpName = "FILE" };
        Option<bool> json = CommonOptions.Json("rows, withRationale, statuses, teacherRows, teacherAccuracy (0 to 1 or null)");
        var command = new Command("stats", "Count rows, labels, lengths, and the teacher's accuracy against gold") { file, task, tokenizer, json };
        command.SetAction(p =>
        {
            List<RationaleRow> rows = RationaleReader.ReadAll(p.GetValue(file)!);
            TaskDefinition definition = TaskOf(p.GetValue(task), rows, p.GetValue(file)!);
            var words = FileStatistics.Of(rows, definition, p.GetValue(tokenizer) is { } path ? SentencePieceTokenizer.Load(path) : null);
            if (p.GetValue(json)) WriteJson(io, words);
            else WriteText(io, words, definition);
            return ExitCode.Ok;
        });
        return command;
    }

    static Command BuildPreview(Io io)
    {
        Argument<string> file = File();
        var row = CommonOptions.AtLeast(new Option<int>("--row") { Description = "Row, from 0", Required = true, HelpName = "N" }, 0);
        var tokenizer = new Option<string>("--tokenizer") { Description = "Tokenizer of the model that will be trained", Required = true, HelpName = "FILE" };
        Option<string> task = Task(isRequired: false);
        var command = new Command("preview", "Show the exact texts and token ids of both tasks for one row") { file, row, tokenizer, task };
        command.SetAction(p =>
        {
            List<RationaleRow> rows = RationaleReader.ReadAll(p.GetValue(file)!);
            int index = p.GetValue(row);
            if (index >= rows.Count) throw new UsageException($"--row is {index}; {p.GetValue(file)} has {rows.Count} rows, from 0 to {rows.Count - 1}.");
            var preview = RowPreview.Of(rows[index], TaskOf(p.GetValue(task), rows, p.GetValue(file)!), SentencePieceTokenizer.Load(p.GetValue(tokenizer)!));
            io.Output.WriteLine($"row        {index}: {preview.Id}{(preview.IsCut ? " (cut to the task's caps)" : "")}");
            WriteTask(io, "predict", preview.PredictTexts, preview.PredictIds, preview.Label, preview.LabelIds);
            WriteTask(io, "explain", preview.ExplainTexts, preview.ExplainIds, preview.Rationale, preview.RationaleIds);
            return ExitCode.Ok;
        });
        return command;
    }

    static Command BuildValidate(Io io)
    {
        Argument<string> file = File();
        var task = new Option<string?>("--task") { Description = "Also check labels and fields against this task", HelpName = "NAME|FILE" };
        var command = new Command("validate", "Check every line of a rationale file") { file, task };
        command.SetAction(p =>
        {
            ValidationReport report = RationaleReader.Validate(p.GetValue(file)!, p.GetValue(task) is { } name ? TaskReader.Load(name) : null, ErrorsShown);
            foreach (string error in report.Errors) io.Error.WriteLine(error);
            if (report.ErrorCount > report.Errors.Count) io.Error.WriteLine($"… and {report.ErrorCount - report.Errors.Count:N0} more errors.");
            io.Output.WriteLine($"{report.Rows:N0} rows, {report.ErrorCount:N0} errors");
            return report.IsValid ? ExitCode.Ok : ExitCode.Invalid;
        });
        return command;
    }

    static Command BuildSample(Io io)
    {
        Argument<string> file = File();
        var rows = CommonOptions.AtLeast(new Option<int>("--rows") { Description = "Rows to take", Required = true, HelpName = "N" }, 1);
        var output = new Option<string>("--output") { Description = "File to write", Required = true, HelpName = "FILE" };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the choice", DefaultValueFactory = _ => 0UL, HelpName = "N" };
        var command = new Command("sample", "Copy some rows, chosen by a seed, in file order") { file, rows, output, seed };
        command.SetAction(p =>
        {
            RationaleSampler.Sample(p.GetValue(file)!, p.GetValue(rows), p.GetValue(seed), p.GetValue(output)!);
            io.Error.WriteLine($"Wrote {p.GetValue(rows):N0} rows to {p.GetValue(output)}.");
            return ExitCode.Ok;
        });
        return command;
    }

    static Argument<string> File() => new("FILE") { Description = "Rationale file (distill.rationale/1)" };

    static Option<string> Task(bool isRequired) => new("--task")
    {
        Description = $"{string.Join(", ", TaskReader.BuiltIn)}, or a task file{(isRequired ? "" : "; default: the one the rows name")}", Required = isRequired,
        HelpName = "NAME|FILE",
    };

    static TaskDefinition TaskOf(string? given, List<RationaleRow> rows, string path)
    {
        if (given is not null) return TaskReader.Load(given);
        string? name = rows[0].Provenance.Task;
        return name is not null && TaskReader.BuiltIn.Contains(name)
            ? TaskReader.Load(name)
            : throw new UsageException($"{path}: the rows name {(name is null ? "no task" : $"the task '{name}', which is not built in")}; give --task.");
    }

    static void WriteTask(Io io, string name, IReadOnlyList<string> texts, int[] sourceIds, string? target, int[] targetIds)
    {
        if (target is null)
        {
            io.Output.WriteLine($"{name}    the row does not train this task");
            return;
        }
        io.Output.WriteLine($"{name}    {string.Join(" </s> ", texts).ReplaceLineEndings("\\n")}");
        io.Output.WriteLine($"  source   {sourceIds.Length} ids: {string.Join(' ', sourceIds)}");
        io.Output.WriteLine($"  target   {target.ReplaceLineEndings("\\n")}");
        io.Output.WriteLine($"           {targetIds.Length} ids: {string.Join(' ', targetIds)}");
    }

    static void WriteText(Io io, FileStatistics s, TaskDefinition task)
    {
        io.Output.WriteLine($"task       {task.Name}");
        io.Output.WriteLine($"rows       {s.Rows:N0}, {s.WithRationale:N0} with a rationale");
        io.Output.WriteLine($"status     {Join(s.Statuses)}");
        if (s.Flags.Count > 0) io.Output.WriteLine($"flags      {Join(s.Flags)}");
        io.Output.WriteLine(s.TeacherAccuracy is { } accuracy
            ? string.Create(CultureInfo.InvariantCulture, $"teacher    {100 * accuracy:F2} % correct on {s.TeacherRows:N0} rows with gold labels")
            : "teacher    no gold labels to compare with");
        io.Output.WriteLine($"labels     {s.Labels.Count:N0} different: {Join(s.Labels.Take(LabelsShown))}{(s.Labels.Count > LabelsShown ? " …" : "")}");
        WriteLengths(io, "words", s.Words);
        WriteLengths(io, "tokens", s.Tokens);
    }

    static void WriteLengths(Io io, string unit, IReadOnlyList<KeyValuePair<string, LengthSummary>> lengths)
    {
        foreach (var (text, l) in lengths)
            io.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{unit,-10} {text,-10} mean {l.Mean,6:F1}   95 % {l.P95,5}   max {l.Max,5}   ({l.Count:N0} texts)"));
    }

    static void WriteJson(Io io, FileStatistics s) => io.WriteJson(w =>
    {
        w.WriteNumber("rows", s.Rows);
        w.WriteNumber("withRationale", s.WithRationale);
        w.WriteStartObject("statuses");
        foreach (var (status, count) in s.Statuses) w.WriteNumber(status, count);
        w.WriteEndObject();
        w.WriteNumber("teacherRows", s.TeacherRows);
        if (s.TeacherAccuracy is { } accuracy) w.WriteNumber("teacherAccuracy", accuracy);
        else w.WriteNull("teacherAccuracy");
        WriteJson(w, "words", s.Words);
        if (s.Tokens.Count > 0) WriteJson(w, "tokens", s.Tokens);
    });

    static void WriteJson(System.Text.Json.Utf8JsonWriter w, string name, IReadOnlyList<KeyValuePair<string, LengthSummary>> lengths)
    {
        w.WriteStartObject(name);
        foreach (var (text, l) in lengths)
        {
            w.WriteStartObject(text);
            w.WriteNumber("mean", l.Mean);
            w.WriteNumber("p95", l.P95);
            w.WriteNumber("max", l.Max);
            w.WriteEndObject();
        }
        w.WriteEndObject();
    }

    static string Join(IEnumerable<KeyValuePair<string, int>> counts) => string.Join(", ", counts.Select(c => $"{OneLine(c.Key)} {c.Value:N0}"));

    static string OneLine(string text)
    {
        string line = text.ReplaceLineEndings(" / ");
        return line.Length <= 160 ? line : line[..160] + "…";
    }
}
