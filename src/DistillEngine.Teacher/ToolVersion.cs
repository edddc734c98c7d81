namespace DistillEngine.Teacher;

/// <summary>The program's version, as manifests and requests name it.</summary>
public static class ToolVersion
{
    public static string Number { get; } = typeof(ToolVersion).Assembly.GetName().Version?.ToString(3) ?? "0";

    /// <summary>Name and version.</summary>
    public static string Name => $"distill-teacher {Number}";
}
