namespace DistillEngine.Teacher.Runs;

/// <summary>Another process works in the run's folder.</summary>
public sealed class RunInUseException(string message) : IOException(message);
