using DistillEngine.Teacher.Prompts;

namespace DistillEngine.Teacher.Runs;

/// <summary>All questions of a run, each once: rows that would be asked the same share an answer.</summary>
public sealed class RunPlan
{
    readonly IPromptRenderer _renderer;
    readonly Dictionary<string, int> _promptTokens = new(StringComparer.Ordinal);

    /// <param name="samples">Answers for each row, at least 1.</param>
    public RunPlan(IReadOnlyList<TeacherRow> rows, IPromptRenderer renderer, string model, TeacherParameters parameters, int samples)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        (Rows, _renderer, Model, Parameters, Samples) = (rows, renderer, model, parameters, samples);
        var requests = new List<PlannedRequest>(rows.Count * samples);
        for (int row = 0; row < rows.Count; row++)
        {
            TeacherPrompt prompt = renderer.Render(rows[row]);
            int tokens = TokenEstimate.Of(prompt);
            for (int sample = 0; sample < samples; sample++)
            {
                string key = new TeacherRequest(rows[row].Id, sample, model, prompt, parameters).Key;
                if (!_promptTokens.TryAdd(key, tokens)) continue;
                requests.Add(new(row, sample, key, tokens));
                PromptTokens += tokens;
            }
        }
        Requests = requests;
    }

    public IReadOnlyList<TeacherRow> Rows { get; }

    public string Model { get; }

    public TeacherParameters Parameters { get; }

    public int Samples { get; }

    public IReadOnlyList<PlannedRequest> Requests { get; }

    /// <summary>Estimated tokens of all prompts.</summary>
    public long PromptTokens { get; }

    /// <summary>Questions that equal an earlier one and are not asked.</summary>
    public int Repeated => Rows.Count * Samples - Requests.Count;

    /// <summary>The question itself.</summary>
    /// <param name="count">Samples asked for, from the planned one on.</param>
    public TeacherRequest Request(PlannedRequest planned, int count = 1) =>
        new(Rows[planned.Row].Id, planned.Sample, Model, _renderer.Render(Rows[planned.Row]), Parameters, count);

    /// <summary>What a request uses at most, by estimate.</summary>
    public Spending Estimate(PlannedRequest planned, int count) => new(1, planned.PromptTokens, (long)Parameters.MaxTokens * count);

    /// <summary>Whether the plan asks this question, and its prompt's estimate.</summary>
    public bool TryFind(string key, out int promptTokens) => _promptTokens.TryGetValue(key, out promptTokens);
}
