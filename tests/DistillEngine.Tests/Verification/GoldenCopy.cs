using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using DistillEngine.Kernels;
using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Verification;

/// <summary>A copy of some golden cases that a test may change.</summary>
sealed class GoldenCopy : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("distill-goldens-").FullName;

    /// <param name="root">A golden folder.</param>
    /// <param name="cases">Files and folders in it.</param>
    public GoldenCopy(string root, params string[] cases)
    {
        foreach (string name in cases) Copy(Path.Combine(root, name), Path.Combine(_folder, name));
    }

    public static string Repository { get; } = Path.Combine(FindRoot(), "tests", "goldens");

    /// <summary>The whole set of goldens beside the repository; skips the test where there is none.</summary>
    public static string Shared
    {
        get
        {
            string folder = Path.Combine(FindRoot(), "..", "shared", "golden");
            if (!Directory.Exists(folder)) Assert.Skip($"{folder} is absent.");
            return folder;
        }
    }

    public string PathOf(string file) => Path.Combine(_folder, file);

    /// <summary>All checks of this copy.</summary>
    public List<CheckResult> Run() => RunOn(_folder);

    public static List<CheckResult> RunOn(string folder, string? data = null, CpuIsa? isa = null)
    {
        using var backend = new CpuBackend(isa ?? CpuIsas.Choose(), threads: 2);
        var results = new List<CheckResult>();
        GoldenRunner.Run([folder], data, backend, results.Add, TestContext.Current.CancellationToken);
        return results;
    }

    public void EditJson(string file, Action<JsonNode> edit)
    {
        JsonNode document = JsonNode.Parse(File.ReadAllBytes(PathOf(file)))!;
        edit(document);
        File.WriteAllText(PathOf(file), document.ToJsonString());
    }

    /// <summary>Changes the elements of one tensor of a safetensors file in place.</summary>
    public void EditTensor<T>(string file, string tensor, Action<Span<T>> edit) where T : unmanaged
    {
        byte[] bytes = File.ReadAllBytes(PathOf(file));
        int header = checked((int)BinaryPrimitives.ReadInt64LittleEndian(bytes));
        JsonNode offsets = JsonNode.Parse(Encoding.UTF8.GetString(bytes, 8, header))![tensor]!["data_offsets"]!;
        int start = 8 + header + (int)offsets[0]!, end = 8 + header + (int)offsets[1]!;
        edit(MemoryMarshal.Cast<byte, T>(bytes.AsSpan(start..end)));
        File.WriteAllBytes(PathOf(file), bytes);
    }

    /// <summary>Renames tensors of a safetensors file; both texts are of one length.</summary>
    public void Rename(string file, string name, string other)
    {
        byte[] bytes = File.ReadAllBytes(PathOf(file));
        int header = checked((int)BinaryPrimitives.ReadInt64LittleEndian(bytes));
        Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes, 8, header).Replace($"\"{name}", $"\"{other}", StringComparison.Ordinal)).CopyTo(bytes, 8);
        File.WriteAllBytes(PathOf(file), bytes);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    static void Copy(string from, string to)
    {
        if (File.Exists(from))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(from, to);
            return;
        }
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
            Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
    }

    static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "DistillEngine.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"{AppContext.BaseDirectory}: no folder above holds DistillEngine.sln.");
    }
}
