using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Xunit;

namespace DistillEngine.Tests.Data;

/// <summary>Files that the data tests read: the goldens of the repository, and, where present, the published data and their
/// goldens.</summary>
static class DataFiles
{
    static readonly Lock Gate = new();
    static readonly string Temporary = MakeTemporary();
    static string? s_datasets;

    public static string Root { get; } = FindRoot();

    public static string Golden(string name) => Path.Combine(Root, "tests", "goldens", name);

    /// <summary>A golden that is too large for the repository; skips the test where it is absent.</summary>
    public static string SharedGolden(string name)
    {
        string path = Path.Combine(Root, "..", "shared", "golden", name);
        if (!File.Exists(path)) Assert.Skip($"{path} is absent.");
        return path;
    }

    /// <summary>The published <c>datasets</c> folder; skips the test where it is absent.</summary>
    public static string Datasets()
    {
        if (Environment.GetEnvironmentVariable("DISTILL_DATA") is { Length: > 0 } folder) return folder;
        string archive = Path.Combine(Root, "..", "shared", "data", "distilling-step-by-step.tar.gz");
        if (!File.Exists(archive)) Assert.Skip($"DISTILL_DATA is not set and {archive} is absent.");
        lock (Gate)
        {
            if (s_datasets is not null) return s_datasets;
            string target = TemporaryFolder();
            using var gzip = new GZipStream(File.OpenRead(archive), CompressionMode.Decompress);
            TarFile.ExtractToDirectory(gzip, target, overwriteFiles: false);
            return s_datasets = Path.Combine(target, "datasets");
        }
    }

    /// <summary>An empty folder that lasts as long as the test run.</summary>
    public static string TemporaryFolder() => Directory.CreateDirectory(Path.Combine(Temporary, Guid.NewGuid().ToString("N"))).FullName;

    /// <summary>A temporary folder with one file of this text.</summary>
    public static string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public static string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(TemporaryFolder(), name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    static string MakeTemporary()
    {
        string folder = Directory.CreateTempSubdirectory("distill-data-tests-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }

    static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "DistillEngine.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("DistillEngine.sln was not found above the test binaries.");
    }
}
