namespace DistillEngine.Tests.Teacher;

/// <summary>A request as the fake teacher saw it.</summary>
sealed record FakeRequest(DateTimeOffset Time, string Path, string Prompt, byte[] Body, string Authorization, Fault Fault);
