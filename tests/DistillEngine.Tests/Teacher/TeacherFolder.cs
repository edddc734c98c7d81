namespace DistillEngine.Tests.Teacher;

/// <summary>A folder of its own for a test, deleted afterwards.</summary>
sealed class TeacherFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("distill-teacher-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
