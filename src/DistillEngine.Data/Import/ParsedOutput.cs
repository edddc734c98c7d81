namespace DistillEngine.Data.Import;

/// <summary>A teacher's output as the published code takes it apart.</summary>
/// <param name="Rationale">The text before the answer; <see cref="PublishedParser.Unparsed"/> where none was found.</param>
/// <param name="Label">The answer; <see cref="PublishedParser.Unparsed"/> where none was found.</param>
/// <param name="EndsThePublishedRun">Whether the published program stops with an error at this output instead.</param>
public readonly record struct ParsedOutput(string Rationale, string Label, bool EndsThePublishedRun = false);
