using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Data.Rationales;

/// <summary>Reads one line of a rationale file. Faults are collected, so that a validation can show all of them.</summary>
/// <param name="task">The task the rows must suit, or null.</param>
sealed class RowParser(TaskDefinition? task)
{
    readonly List<RowError> _errors = [];
    readonly Dictionary<string, long> _lineOfId = new(StringComparer.Ordinal);
    long _line;

    /// <summary>Faults of the line parsed last.</summary>
    public IReadOnlyList<RowError> Errors => _errors;

    /// <summary>The row, or null where the line has a fault.</summary>
    public RationaleRow? Parse(ReadOnlySpan<byte> json, long line)
    {
        _errors.Clear();
        _line = line;
        if (json.TrimEnd(" \t\r"u8).IsEmpty)
        {
            Fault("", "the line is empty (expected one JSON object a line; delete the line).");
            return null;
        }
        if (!Utf8.IsValid(json))
        {
            Fault("", "the text is not UTF-8 (expected UTF-8; save the file in that encoding).");
            return null;
        }
        try
        {
            return ParseObject(json);
        }
        catch (JsonException e)
        {
            Fault("", $"not valid JSON at byte {e.BytePositionInLine ?? 0}: {LocatedJson.FirstSentence(e.Message)} (expected "
                + "one JSON object a line).");
        }
        catch (InvalidOperationException)
        {
            Fault("", "a string holds half of a surrogate pair (expected whole characters).");
        }
        return null;
    }

    RationaleRow? ParseObject(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            Fault("", $"the line is {LocatedJson.NameOf(reader.TokenType)} (expected one JSON object a line).");
            return null;
        }
        string? schema = null, id = null, input = null, inputSha = null, label = null, teacherLabel = null, rationale = null, status = null,
            reason = null, raw = null, split = null;
        List<string>? rationales = null, flags = null;
        List<TeacherSample>? samples = null;
        List<KeyValuePair<string, string>>? fields = null;
        Vote? vote = null;
        Provenance? provenance = null;
        TeacherUsage? usage = null;
        double weight = 1;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!seen.Add(name)) Fault(name, "the field occurs twice (expected each field once).");
            reader.Read();
            switch (name)
            {
                case "schema": schema = Text(ref reader, name, isNullable: false); break;
                case "id": id = Text(ref reader, name, isNullable: false); break;
                case "input": input = Text(ref reader, name, isNullable: false); break;
                case "input_sha256": inputSha = Text(ref reader, name, isNullable: false); break;
                case "label": label = Text(ref reader, name); break;
                case "teacher_label": teacherLabel = Text(ref reader, name); break;
                case "rationale": rationale = Text(ref reader, name); break;
                case "rationales": rationales = Texts(ref reader, name); break;
                case "status": status = Text(ref reader, name, isNullable: false); break;
                case "flags": flags = Texts(ref reader, name); break;
                case "reason": reason = Text(ref reader, name); break;
                case "raw": raw = Text(ref reader, name); break;
                case "weight": weight = Number(ref reader, name) ?? 1; break;
                case "vote": vote = ReadVote(ref reader); break;
                case "samples": samples = ReadSamples(ref reader); break;
                case "split": split = Text(ref reader, name); break;
                case "fields": fields = ReadFields(ref reader); break;
                case "prov": provenance = ReadProvenance(ref reader); break;
                case "usage": usage = ReadUsage(ref reader); break;
                default: reader.Skip(); break;
            }
        }
        while (reader.Read()) { }
        CheckSchema(schema, seen);
        Require(id, "id", seen);
        Require(input, "input", seen);
        Require(inputSha, "input_sha256", seen);
        Require(status, "status", seen);
        if (!seen.Contains("prov")) Fault("prov", "is missing (expected an object that says where the row comes from).");
        if (input is not null && inputSha is not null) CheckHash(input, inputSha);
        if (!float.IsFinite((float)weight) || (float)weight <= 0)
            Fault("weight", $"is {weight.ToString(CultureInfo.InvariantCulture)} "
                + "(expected a finite number above 0; leave the row out instead).");
        if (split is not (null or "train" or "valid" or "test"))
            Fault("split", $"is {DataError.Quote(split)} (expected train, valid or test).");
        CheckRationales(rationales);
        var parsedStatus = CheckStatus(status, label, teacherLabel, rationale);
        CheckId(id);
        if (_errors.Count > 0) return null;
        var row = new RationaleRow
        {
            Id = id!,
            Input = input!,
            Label = label,
            TeacherLabel = teacherLabel,
            Rationale = rationale,
            Rationales = rationales ?? [],
            Status = parsedStatus,
            Flags = flags ?? [],
            Reason = reason,
            Raw = raw,
            Weight = weight,
            Vote = vote,
            Samples = samples ?? [],
            Split = split,
            Fields = fields ?? [],
            Provenance = provenance!,
            Usage = usage,
        };
        if (task is null) return row;
        foreach (var (field, problem) in TaskRowCheck.Faults(row, task)) Fault(field, problem);
        return _errors.Count > 0 ? null : row;
    }

    void CheckSchema(string? schema, HashSet<string> seen)
    {
        const string Family = "distill.rationale/";
        if (schema is null)
        {
            Require(null, "schema", seen);
            return;
        }
        string version = schema.StartsWith(Family, StringComparison.Ordinal) ? schema[Family.Length..] : "";
        int dot = version.IndexOf('.');
        if ((dot < 0 ? version : version[..dot]) != "1")
            Fault("schema", $"is {DataError.Quote(schema)} (expected '{RationaleRow.SchemaName}').");
    }

    void CheckHash(string input, string given)
    {
        string actual = RationaleWriter.Hash(input);
        if (!string.Equals(actual, given, StringComparison.OrdinalIgnoreCase))
            Fault("input_sha256", $"is {DataError.Quote(given)}, but the input's is {actual} (expected equal: the input was changed "
                + "after the rationale was made; make the row again).");
    }

    void CheckRationales(List<string>? rationales)
    {
        if (rationales is null) return;
        for (int i = 0; i < rationales.Count; i++)
        {
            if (rationales[i].Length == 0) Fault("rationales", $"entry {i} is empty (expected a text; remove it).");
        }
    }

    RationaleStatus CheckStatus(string? status, string? label, string? teacherLabel, string? rationale)
    {
        if (status is null) return default;
        int index = RationaleWriter.StatusNames.IndexOf(status);
        if (index < 0)
        {
            Fault("status", $"is {DataError.Quote(status)} (expected one of {string.Join(", ", RationaleWriter.StatusNames)}; "
                + $"{DataError.Suggest(status, RationaleWriter.StatusNames)}).");
            return default;
        }
        var parsed = (RationaleStatus)index;
        if (parsed == RationaleStatus.Ok && label is null && teacherLabel is null && rationale is null)
            Fault("status", "is 'ok' but the row has no label, teacher_label or rationale (expected one of them, or another status).");
        if (parsed is RationaleStatus.Refused or RationaleStatus.ApiError && (teacherLabel is not null || rationale is not null))
            Fault("status", $"is '{status}' but the row has a teacher_label or rationale (expected neither: the teacher gave no answer).");
        return parsed;
    }

    void CheckId(string? id)
    {
        if (id is null) return;
        if (id.Length == 0) Fault("id", "is empty (expected task/split/key).");
        else if (!_lineOfId.TryAdd(id, _line)) Fault("id", $"{DataError.Quote(id)} stands on line {_lineOfId[id]} too (expected each "
            + "id once; remove one of the rows).");
    }

    void Require(string? value, string field, HashSet<string> seen)
    {
        if (value is null && !seen.Contains(field)) Fault(field, "is missing (expected a string).");
    }

    string? Text(ref Utf8JsonReader reader, string field, bool isNullable = true)
    {
        if (reader.TokenType == JsonTokenType.String) return reader.GetString();
        if (!isNullable || reader.TokenType != JsonTokenType.Null)
            WrongType(ref reader, field, isNullable ? "a string or null" : "a string");
        return null;
    }

    List<string>? Texts(ref Utf8JsonReader reader, string field)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            WrongType(ref reader, field, "an array of strings");
            return null;
        }
        var texts = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (Text(ref reader, field, isNullable: false) is { } text) texts.Add(text);
        }
        return texts;
    }

    double? Number(ref Utf8JsonReader reader, string field)
    {
        if (reader.TokenType == JsonTokenType.Number)
        {
            double value = reader.GetDouble();
            if (double.IsFinite(value)) return value;
            WrongType(ref reader, field, "a finite number");
            return null;
        }
        if (reader.TokenType != JsonTokenType.Null) WrongType(ref reader, field, "a number");
        return null;
    }

    long? Count(ref Utf8JsonReader reader, string field)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long count) && count is >= 0 and <= int.MaxValue)
            return count;
        WrongType(ref reader, field, "a whole number from 0 to 2147483647");
        return null;
    }

    Vote? ReadVote(ref Utf8JsonReader reader)
    {
        if (!EnterObject(ref reader, "vote")) return null;
        long count = 0, valid = 0, agree = 0;
        string? method = null;
        bool isTie = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            switch (name)
            {
                case "n": count = Count(ref reader, "vote.n") ?? 0; break;
                case "valid": valid = Count(ref reader, "vote.valid") ?? 0; break;
                case "agree": agree = Count(ref reader, "vote.agree") ?? 0; break;
                case "method": method = Text(ref reader, "vote.method"); break;
                case "tie" when reader.TokenType is JsonTokenType.True or JsonTokenType.False: isTie = reader.GetBoolean(); break;
                case "tie": WrongType(ref reader, "vote.tie", "true or false"); break;
                default: reader.Skip(); break;
            }
        }
        if (valid > count || agree > valid) Fault("vote", $"has n {count}, valid {valid}, agree {agree} (expected agree ≤ valid ≤ n).");
        return new((int)count, (int)valid, (int)agree, method, isTie);
    }

    List<TeacherSample>? ReadSamples(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            WrongType(ref reader, "samples", "an array of objects");
            return null;
        }
        var samples = new List<TeacherSample>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (!EnterObject(ref reader, "samples")) continue;
            var sample = new TeacherSample(samples.Count, null, null, null, null, null, null);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                reader.Read();
                switch (name)
                {
                    case "i": sample = sample with { Index = (int)(Count(ref reader, "samples.i") ?? samples.Count) }; break;
                    case "label": sample = sample with { Label = Text(ref reader, "samples.label") }; break;
                    case "parse": sample = sample with { Parse = Text(ref reader, "samples.parse") }; break;
                    case "finish": sample = sample with { Finish = Text(ref reader, "samples.finish") }; break;
                    case "in": sample = sample with { InputTokens = Count(ref reader, "samples.in") }; break;
                    case "out": sample = sample with { OutputTokens = Count(ref reader, "samples.out") }; break;
                    case "key": sample = sample with { Key = Text(ref reader, "samples.key") }; break;
                    default: reader.Skip(); break;
                }
            }
            samples.Add(sample);
        }
        return samples;
    }

    List<KeyValuePair<string, string>>? ReadFields(ref Utf8JsonReader reader)
    {
        if (!EnterObject(ref reader, "fields")) return null;
        var fields = new List<KeyValuePair<string, string>>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (Text(ref reader, $"fields.{name}", isNullable: false) is { } text) fields.Add(new(name, text));
        }
        return fields;
    }

    Provenance? ReadProvenance(ref Utf8JsonReader reader)
    {
        if (!EnterObject(ref reader, "prov", isNullable: false)) return null;
        var provenance = new Provenance();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            switch (name)
            {
                case "run": provenance = provenance with { Run = Text(ref reader, "prov.run") }; break;
                case "model": provenance = provenance with { Model = Text(ref reader, "prov.model") }; break;
                case "provider": provenance = provenance with { Provider = Text(ref reader, "prov.provider") }; break;
                case "prompt_sha": provenance = provenance with { PromptSha = Text(ref reader, "prov.prompt_sha") }; break;
                case "params_sha": provenance = provenance with { ParametersSha = Text(ref reader, "prov.params_sha") }; break;
                case "task": provenance = provenance with { Task = Text(ref reader, "prov.task") }; break;
                case "task_sha": provenance = provenance with { TaskSha = Text(ref reader, "prov.task_sha") }; break;
                case "tool": provenance = provenance with { Tool = Text(ref reader, "prov.tool") }; break;
                case "created": provenance = provenance with { Created = Text(ref reader, "prov.created") }; break;
                default: reader.Skip(); break;
            }
        }
        return provenance;
    }

    TeacherUsage? ReadUsage(ref Utf8JsonReader reader)
    {
        if (!EnterObject(ref reader, "usage")) return null;
        var usage = new TeacherUsage(null, null, null, null);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            switch (name)
            {
                case "in": usage = usage with { InputTokens = Count(ref reader, "usage.in") }; break;
                case "out": usage = usage with { OutputTokens = Count(ref reader, "usage.out") }; break;
                case "cached": usage = usage with { CachedTokens = Count(ref reader, "usage.cached") }; break;
                case "usd": usage = usage with { Dollars = Number(ref reader, "usage.usd") }; break;
                default: reader.Skip(); break;
            }
        }
        return usage;
    }

    bool EnterObject(ref Utf8JsonReader reader, string field, bool isNullable = true)
    {
        if (reader.TokenType == JsonTokenType.StartObject) return true;
        if (!isNullable || reader.TokenType != JsonTokenType.Null) WrongType(ref reader, field, "an object");
        return false;
    }

    void WrongType(ref Utf8JsonReader reader, string field, string expected)
    {
        string got = reader.TokenType == JsonTokenType.Number
            ? Encoding.UTF8.GetString(reader.ValueSpan)
            : LocatedJson.NameOf(reader.TokenType);
        Fault(field, $"is {got} (expected {expected}).");
        reader.Skip();
    }

    void Fault(string field, string problem) => _errors.Add(new(_line, field, problem));
}
