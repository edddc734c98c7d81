using System.Text.Json;
using DistillEngine.Core;

namespace DistillEngine.Training;

/// <summary><c>log.jsonl</c>: one object a step, appended and flushed, so that a run that is killed keeps what it logged.</summary>
public sealed class StepLog : IDisposable
{
    public const string FileName = "log.jsonl";

    readonly FileStream _file;
    readonly Utf8JsonWriter _writer;

    /// <param name="resumedAt">Later steps of an earlier attempt are taken out of the log: they are done again.</param>
    public StepLog(string folder, long resumedAt)
    {
        string path = Path.Combine(folder, FileName);
        if (File.Exists(path)) AtomicFile.WriteAllText(path, string.Concat(File.ReadLines(path).TakeWhile(l => StepOf(l) <= resumedAt).Select(l => l + "\n")));
        _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, 4096);
        _writer = new Utf8JsonWriter(_file);
    }

    /// <summary>Appends one step.</summary>
    public void Write(in StepReport report, double tokensPerSecond)
    {
        _writer.Reset();
        _writer.WriteStartObject();
        WriteFields(_writer, report, tokensPerSecond);
        _writer.WriteEndObject();
        _writer.Flush();
        _file.WriteByte((byte)'\n');
        _file.Flush();
    }

    /// <summary>The fields of one step: step, loss, labelLoss, rationaleLoss, gradientNorm, learningRate, tokensPerSecond. What does not
    /// exist or is no number is null.</summary>
    public static void WriteFields(Utf8JsonWriter writer, in StepReport report, double tokensPerSecond)
    {
        writer.WriteNumber("step", report.Step);
        WriteNumber(writer, "loss", report.Loss);
        WriteNumber(writer, "labelLoss", report.LabelLoss);
        WriteNumber(writer, "rationaleLoss", report.RationaleLoss);
        WriteNumber(writer, "gradientNorm", report.GradientNorm);
        WriteNumber(writer, "learningRate", report.LearningRate ?? double.NaN);
        WriteNumber(writer, "tokensPerSecond", Math.Round(tokensPerSecond, 1));
        if (report.IsSkipped) writer.WriteBoolean("skipped", true);
    }

    public void Dispose()
    {
        _writer.Dispose();
        _file.Dispose();
    }

    static void WriteNumber(Utf8JsonWriter writer, string name, double value)
    {
        if (double.IsFinite(value)) writer.WriteNumber(name, value);
        else writer.WriteNull(name);
    }

    // A line that is no step, such as one torn by a kill, counts as later than every step.
    static long StepOf(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.TryGetProperty("step", out JsonElement step) && step.TryGetInt64(out long value) ? value : long.MaxValue;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return long.MaxValue;
        }
    }
}
