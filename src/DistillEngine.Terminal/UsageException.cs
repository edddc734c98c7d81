namespace DistillEngine.Terminal;

/// <summary>Options that parse one by one but make no sense together.</summary>
public sealed class UsageException(string message) : Exception(message);
