using DistillEngine.Core;
using DistillEngine.Data.Tasks;
using DistillEngine.Data.Tokenization;

namespace DistillEngine.Data.Batching;

/// <summary>Turns a task's texts into ids: prefix and input as one text, segments joined by the <c>&lt;/s&gt;</c> id, caps with
/// <c>&lt;/s&gt;</c> kept. Not for concurrent use: it counts.</summary>
public sealed class TaskEncoder
{
    readonly ITokenizer _tokenizer;
    readonly StudentOptions _student;

    /// <param name="method">Standard training feeds the plain input; step-by-step puts the task's prefix before it.</param>
    public TaskEncoder(StudentOptions student, ITokenizer tokenizer, TrainingMethod method) =>
        (_student, _tokenizer, Method) = (student, tokenizer, method);

    public TrainingMethod Method { get; }

    /// <summary>Id that starts every decoder input.</summary>
    public int StartId => _tokenizer.PadId;

    /// <summary>Sources cut so far; a row's two sources count separately.</summary>
    public int CutInputs { get; private set; }

    public int CutLabels { get; private set; }

    public int CutRationales { get; private set; }

    /// <summary>What was cut so far, for a user; empty where nothing was.</summary>
    public string Cuts
    {
        get
        {
            (int Count, string Name)[] all = [(CutInputs, "inputs"), (CutLabels, "labels"), (CutRationales, "rationales")];
            string[] cut = [.. all.Where(kind => kind.Count > 0).Select(kind => $"{kind.Count:N0} {kind.Name}")];
            return cut.Length == 0 ? "" : $"cut to the task's caps: {string.Join(", ", cut)}";
        }
    }

    /// <summary>Largest id produced so far, or −1: it must lie below the rows of the model's embedding.</summary>
    public int MaxId { get; private set; } = -1;

    /// <summary>The exact text of a source: prefix and first segment, then the further segments.</summary>
    public IReadOnlyList<string> InputTexts(IReadOnlyList<string> segments, TaskKind kind)
    {
        if (segments.Count == 0) throw new ArgumentException("An input needs at least one segment.", nameof(segments));
        string prefix = Method == TrainingMethod.Standard ? "" : kind == TaskKind.Label ? _student.LabelPrefix : _student.RationalePrefix;
        return [prefix + segments[0], .. segments.Skip(1)];
    }

    /// <summary>Appends the ids of a source, <c>&lt;/s&gt;</c> included.</summary>
    public void EncodeInput(IReadOnlyList<string> segments, TaskKind kind, List<int> ids)
    {
        int start = ids.Count;
        var texts = InputTexts(segments, kind);
        for (int i = 0; i < texts.Count; i++)
        {
            if (i > 0) ids.Add(_tokenizer.EosId);
            _tokenizer.Encode(texts[i], ids);
        }
        if (Close(ids, start, _student.MaxInputTokens)) CutInputs++;
    }

    /// <summary>Appends the ids of a label, <c>&lt;/s&gt;</c> included.</summary>
    public void EncodeLabel(string label, List<int> ids)
    {
        int start = ids.Count;
        _tokenizer.Encode(label, ids);
        if (Close(ids, start, _student.MaxLabelTokens)) CutLabels++;
    }

    /// <summary>Appends the ids of a rationale, <c>&lt;/s&gt;</c> included.</summary>
    public void EncodeRationale(string rationale, List<int> ids)
    {
        int start = ids.Count;
        _tokenizer.Encode(rationale, ids);
        if (Close(ids, start, _student.MaxRationaleTokens)) CutRationales++;
    }

    /// <summary>Cuts to the cap and closes with <c>&lt;/s&gt;</c>.</summary>
    bool Close(List<int> ids, int start, int cap)
    {
        bool isCut = ids.Count - start > cap - 1;
        if (isCut) ids.RemoveRange(start + cap - 1, ids.Count - start - cap + 1);
        ids.Add(_tokenizer.EosId);
        for (int i = start; i < ids.Count; i++) MaxId = Math.Max(MaxId, ids[i]);
        return isCut;
    }
}
