namespace DistillEngine.Cli;

/// <summary>Options that parse one by one but make no sense together.</summary>
sealed class UsageException(string message) : Exception(message);
