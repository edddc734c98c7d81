using System.Buffers;
using System.Text.Json;
using DistillEngine.Core;
using DistillEngine.Data.Metrics;

namespace DistillEngine.Data.Tasks;

/// <summary>Reads <c>distill.task/1</c> files. Every key, type, range and template variable is checked; nothing unknown passes.</summary>
public static class TaskReader
{
    /// <summary>Largest cap a task may ask for; longer sources do not fit the quadratic attention of any machine.</summary>
    const int MaxTokens = 1 << 20;

    static readonly Dictionary<string, TaskCategory> Categories = new()
    {
        ["classification"] = TaskCategory.Classification,
        ["multiple_choice"] = TaskCategory.MultipleChoice,
        ["equation"] = TaskCategory.Equation,
        ["text"] = TaskCategory.Text,
    };

    static readonly Dictionary<string, LabelNormalization> Normalizations = new()
    {
        ["trim"] = LabelNormalization.Trim,
        ["strip_final_dot"] = LabelNormalization.StripFinalDot,
        ["lower_case"] = LabelNormalization.LowerCase,
        ["strip_article"] = LabelNormalization.StripArticle,
    };

    /// <summary>Names of the embedded tasks.</summary>
    public static IReadOnlyList<string> BuiltIn { get; } = ["anli1", "cqa", "esnli", "svamp"];

    /// <summary>A built-in task by name, else a task file by path.</summary>
    /// <exception cref="InvalidDataException">The file is malformed; the message names path, line, key and remedy.</exception>
    /// <exception cref="FileNotFoundException">Neither a built-in task nor a file has this name.</exception>
    public static TaskDefinition Load(string nameOrPath)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPath);
        if (BuiltIn.Contains(nameOrPath))
        {
            using var stream = typeof(TaskReader).Assembly.GetManifestResourceStream(
                $"DistillEngine.Data.Tasks.BuiltIn.{nameOrPath}.json")!;
            byte[] utf8 = new byte[stream.Length];
            stream.ReadExactly(utf8);
            return Read($"built-in:{nameOrPath}", LocatedJson.Parse($"built-in:{nameOrPath}", utf8));
        }
        if (!File.Exists(nameOrPath))
            throw new FileNotFoundException($"{nameOrPath}: no such task file, nor a built-in task "
                + $"({DataError.Suggest(nameOrPath, BuiltIn)}).", nameOrPath);
        return Read(nameOrPath, LocatedJson.ReadFile(nameOrPath));
    }

    static TaskDefinition Read(string path, LocatedJson root)
    {
        var top = new StrictObject(path, "", root);
        top.Text("$schema");
        string schema = top.RequiredText("schema");
        if (schema != TaskDefinition.SchemaName)
            throw top.Error("schema", $"is {DataError.Quote(schema)} (expected '{TaskDefinition.SchemaName}').");
        string name = top.RequiredText("name");
        if (!name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_'))
            throw top.Error("name", $"is {DataError.Quote(name)} (expected lower-case letters, digits, '-' and '_').");
        var category = top.Word("kind", Categories)
            ?? throw top.Error("kind", $"is missing (expected one of {string.Join(", ", Categories.Keys)}).");
        string metric = top.RequiredText("metric");
        if (!Metric.Names.Contains(metric))
            throw top.Error("metric", $"is {DataError.Quote(metric)} (expected one of {string.Join(", ", Metric.Names)}).");
        var data = ReadData(top.RequiredObject("data"));
        var definition = new TaskDefinition
        {
            Path = path,
            Name = name,
            Category = category,
            Data = data,
            Student = ReadStudent(top.RequiredObject("student"), data.Fields),
            Labels = ReadLabels(top.Object("labels"), data.Fields),
            Teacher = top.Object("teacher") is { } teacher ? ReadTeacher(teacher, data.Fields) : null,
            Parse = ReadParse(top.Object("parse")),
            Filter = ReadFilter(top.Object("filter")),
            Metric = metric,
            License = top.Text("license"),
            Source = top.Text("source"),
            Sha256 = Hash(root),
        };
        top.RefuseUnknown();
        CheckLabels(top, definition);
        return definition;
    }

    static void CheckLabels(StrictObject top, TaskDefinition definition)
    {
        string? missing = definition.Category switch
        {
            TaskCategory.Classification when definition.Labels.Set is null => "is missing "
                + "(expected the list of labels: kind is classification).",
            TaskCategory.MultipleChoice when definition.Labels.From is null => "is missing (expected the list variable that holds the "
                + "choices: kind is multiple_choice).",
            _ => null,
        };
        if (missing is null) return;
        string key = definition.Category == TaskCategory.Classification ? "set" : "from";
        throw top.Object("labels") is { } labels ? labels.Error(key, missing) : top.Error("labels." + key, missing);
    }

    static DataOptions ReadData(StrictObject node)
    {
        string format = node.Text("format") ?? "jsonl";
        if (format != "jsonl") throw node.Error("format", $"is {DataError.Quote(format)} (expected 'jsonl').");
        var fields = node.Map("fields");
        if (fields.Count == 0)
            throw node.Error("fields", "is missing or empty (expected variable → column, such as {\"gold\": \"answer\"}).");
        var valid = node.Object("valid_from_train");
        var files = node.Map("files");
        foreach (string split in files.Keys)
        {
            if (split is not ("train" or "valid" or "test"))
                throw node.Error("files", $"names the split '{split}' (expected train, valid or test).");
        }
        var data = new DataOptions
        {
            Format = format,
            Files = files,
            Id = node.Text("id"),
            Fields = fields,
            ValidFraction = valid?.Number("fraction", 0, 0, 0.9) ?? 0,
            ValidSeed = valid?.Integer("seed", 0, 0, int.MaxValue) ?? 0,
        };
        valid?.RefuseUnknown();
        node.RefuseUnknown();
        return data;
    }

    static StudentOptions ReadStudent(StrictObject node, IReadOnlyDictionary<string, string> fields)
    {
        List<Template>? segments = null;
        if (node.Texts("segments") is { } texts)
        {
            if (texts.Count < 2)
                throw node.Error("segments", $"has {texts.Count} entries (expected at least 2, or null for an input of one text).");
            segments = [];
            foreach (string text in texts) segments.Add(Checked(node, "segments", text, fields, []));
        }
        var student = new StudentOptions
        {
            Input = Checked(node, "input", node.RequiredText("input"), fields, []),
            Label = Checked(node, "label", node.RequiredText("label"), fields, []),
            LabelPrefix = node.Text("prefix_label") ?? "predict: ",
            RationalePrefix = node.Text("prefix_rationale") ?? "explain: ",
            Segments = segments,
            MaxInputTokens = node.Integer("max_input_tokens", 1024, 2, MaxTokens),
            MaxLabelTokens = node.Integer("max_label_tokens", 256, 2, MaxTokens),
            MaxRationaleTokens = node.Integer("max_rationale_tokens", 256, 2, MaxTokens),
        };
        if (student.LabelPrefix == student.RationalePrefix)
            throw node.Error("prefix_rationale", "equals prefix_label (expected two prefixes: they tell the student which task is meant).");
        node.RefuseUnknown();
        return student;
    }

    static LabelOptions ReadLabels(StrictObject? node, IReadOnlyDictionary<string, string> fields)
    {
        if (node is null) return new();
        string? from = node.Text("from");
        if (from is not null && !fields.ContainsKey(from))
            throw node.Error("from", $"names the variable '{from}', which data.fields does not have "
                + $"({DataError.Suggest(from, fields.Keys)}).");
        var set = node.Texts("set");
        if (set is not null && (set.Count < 2 || set.Distinct().Count() != set.Count))
            throw node.Error("set", "has fewer than 2 entries or one of them twice (expected different labels).");
        var synonyms = node.Map("synonyms");
        foreach (var (spelling, label) in synonyms)
        {
            if (set is not null && !set.Contains(label))
                throw node.Error("synonyms", $"maps '{spelling}' to '{label}', which is no label ({DataError.Suggest(label, set)}).");
        }
        var steps = new List<LabelNormalization>();
        foreach (string step in node.Texts("normalize") ?? [])
        {
            steps.Add(Normalizations.TryGetValue(step, out var known)
                ? known
                : throw node.Error("normalize", $"holds {DataError.Quote(step)} (expected {string.Join(", ", Normalizations.Keys)}; "
                    + $"{DataError.Suggest(step, Normalizations.Keys)})."));
        }
        node.RefuseUnknown();
        return new() { From = from, Set = set, Synonyms = synonyms, Normalize = steps };
    }

    static TeacherOptions ReadTeacher(StrictObject node, IReadOnlyDictionary<string, string> fields)
    {
        string? shot = node.Text("shot");
        var teacher = new TeacherOptions
        {
            IsChat = node.Word("mode", Words("chat", "completion")) ?? false,
            Instructions = node.Text("instructions") ?? "",
            Shots = node.Text("shots"),
            ShotCount = node.Integer("shot_count", 0, 0, 1000),
            Shot = shot is null ? null : Checked(node, "shot", shot, fields, ["input", "label", "letter", "rationale"]),
            Query = Checked(node, "query", node.RequiredText("query"), fields, ["input"]),
            Stop = node.Texts("stop") ?? [],
            MaxTokens = node.Integer("max_tokens", 256, 1, MaxTokens),
            Temperature = node.Number("temperature", 0, 0, 2),
            Samples = node.Integer("samples", 1, 1, 1000),
            SampleTemperature = node.Number("sample_temperature", 0.7, 0, 2),
            Seed = node.Integer("seed", 1, 0, int.MaxValue),
        };
        node.RefuseUnknown();
        if (teacher.ShotCount > 0 && (teacher.Shots is null || teacher.Shot is null))
            throw node.Error("shot_count", $"is {teacher.ShotCount} (expected 0 where 'shots' or 'shot' is missing).");
        return teacher;
    }

    static ParseOptions ReadParse(StrictObject? node)
    {
        if (node is null) return new();
        var defaults = new ParseOptions();
        var parse = new ParseOptions
        {
            Cut = node.Texts("cut") ?? defaults.Cut,
            StripThinking = node.Word("think", Words("strip", "keep")) ?? true,
            Markers = node.Texts("markers") ?? defaults.Markers,
            TakeLast = node.Word("take", Words("last", "first")) ?? true,
            PreferLetter = node.Word("prefer", Words("letter", "text")) ?? true,
            RejectAmbiguous = node.Word("on_ambiguous", Words("reject", "first")) ?? true,
            MinRationaleChars = node.Integer("min_rationale_chars", defaults.MinRationaleChars, 0, MaxTokens),
            MaxRepeatNgram = node.Integer("max_repeat_ngram", defaults.MaxRepeatNgram, 0, 1000),
            AbortIfFailedOver = node.Number("abort_if_failed_over", defaults.AbortIfFailedOver, 0, 1),
            AbortAfter = node.Integer("after", defaults.AbortAfter, 1, int.MaxValue),
        };
        node.RefuseUnknown();
        return parse.Markers.Count > 0 ? parse : throw node.Error("markers", "is empty (expected the words that stand before the label).");
    }

    static FilterOptions ReadFilter(StrictObject? node)
    {
        if (node is null) return new();
        var filter = new FilterOptions
        {
            RequireLabelMatch = node.Flag("require_label_match", false),
            MinAgreement = node.Number("min_agreement", 0, 0, 1),
            DedupeInput = node.Word("dedupe", Words("input", "none")) ?? false,
        };
        node.RefuseUnknown();
        return filter;
    }

    /// <summary>A template whose variables are all fields of the data or among <paramref name="extra"/>.</summary>
    static Template Checked(StrictObject node, string key, string text, IReadOnlyDictionary<string, string> fields, string[] extra)
    {
        var template = node.Template(key, text)!;
        foreach (string variable in template.Variables.Concat(template.Lists))
        {
            if (!fields.ContainsKey(variable) && !extra.Contains(variable))
                throw node.Error(key, $"uses the variable '{variable}', which data.fields does not have "
                    + $"({DataError.Suggest(variable, fields.Keys.Concat(extra))}).");
        }
        return template;
    }

    static Dictionary<string, bool> Words(string yes, string no) => new() { [yes] = true, [no] = false };

    static string Hash(LocatedJson root)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) root.WriteCanonical(writer);
        return Sha256.HexOf(buffer.WrittenSpan);
    }
}
