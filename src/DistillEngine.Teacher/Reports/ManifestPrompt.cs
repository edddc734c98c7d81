namespace DistillEngine.Teacher.Reports;

/// <summary>What all prompts of a run share.</summary>
/// <param name="Form"><c>completions</c> or <c>chat</c>.</param>
/// <param name="Sha256">As <see cref="IPromptRenderer.Sha256"/>.</param>
/// <param name="Text">Instructions, worked examples and the question's template.</param>
public sealed record ManifestPrompt(string Form, string Sha256, string Text);
