using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Prompts;

/// <summary>
/// Few-shot chain-of-thought prompts. As a completion: instructions, worked examples, question, in one text. As a chat: the instructions
/// are the system's, each example is a turn of the user and one of the assistant, and the question is the user's last.
/// </summary>
public sealed class PromptRenderer : IPromptRenderer
{
    readonly ShotSet _shots;
    readonly string _prefix;
    readonly List<TeacherMessage> _turns = [];

    /// <param name="isChat">The form; null: the task's own (<c>teacher.mode</c>).</param>
    public PromptRenderer(ShotSet shots, bool? isChat = null)
    {
        ArgumentNullException.ThrowIfNull(shots);
        _shots = shots;
        IsChat = isChat ?? shots.Teacher.IsChat;
        var prefix = new StringBuilder();
        string instructions = shots.Teacher.Instructions.Trim();
        if (instructions.Length > 0)
        {
            prefix.Append(instructions).Append("\n\n");
            _turns.Add(new("system", instructions));
        }
        foreach (var shot in shots.Shots)
        {
            prefix.Append(shot.Question).Append(shot.Answer).Append(shot.Separator.Length > 0 ? shot.Separator : "\n\n");
            _turns.Add(new("user", shot.Question.TrimEnd()));
            _turns.Add(new("assistant", shot.Answer.Trim()));
        }
        _prefix = prefix.ToString();
        Sha256 = Hash();
    }

    public bool IsChat { get; }

    /// <inheritdoc/>
    public string Sha256 { get; }

    /// <summary>What all prompts share, as one text to show: instructions and worked examples, followed by the template of the
    /// question.</summary>
    public string Text => _prefix + _shots.Teacher.Query.Text;

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The row lacks a variable of the template.</exception>
    public TeacherPrompt Render(TeacherRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        var values = new Dictionary<string, FieldValue>(row.Source.Values, StringComparer.Ordinal) { ["input"] = new(row.Source.Input) };
        string question;
        try
        {
            question = _shots.Teacher.Query.Render(values);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"row {row.Id}: does not fit teacher.query of {_shots.Task.Path}: {e.Message}");
        }
        return IsChat ? TeacherPrompt.Chat([.. _turns, new("user", question)]) : TeacherPrompt.Completion(_prefix + question);
    }

    string Hash()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            TeacherRequest.WriteCanonical(json, IsChat ? TeacherPrompt.Chat(_turns) : TeacherPrompt.Completion(_prefix));
            json.WriteString("query", _shots.Teacher.Query.Text);
            json.WriteEndObject();
        }
        return Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
    }
}
