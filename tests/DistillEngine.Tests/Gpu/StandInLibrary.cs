using System.Diagnostics;
using DistillEngine.Tests.Formats;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The libraries of a CUDA device that is a program, <c>libcuda.so.1</c> and <c>libcublas.so.12</c>, compiled once for all tests.</summary>
static class StandInLibrary
{
    // Its arithmetic is to be that of the PTX ISA: integers wrap, floats are rounded after every operation.
    static readonly string[] Flags =
        ["-shared", "-fPIC", "-w", "-O3", "-march=native", "-fwrapv", "-fno-strict-aliasing", "-ffp-contract=off", "-pthread"];

    static readonly Lazy<(TemporaryFolder? Folder, string WhyNot)> Compiled = new(Compile);

    /// <summary>Where they lie; skips the test, with the reason, where they cannot be compiled.</summary>
    public static string Folder
    {
        get
        {
            if (Compiled.Value.Folder is { } folder) return folder.Path;
            Assert.Skip(Compiled.Value.WhyNot);
            throw new UnreachableException();
        }
    }

    static (TemporaryFolder? Folder, string WhyNot) Compile()
    {
        if (!OperatingSystem.IsLinux()) return (null, "The stand-in is a library of Linux.");
        var folder = new TemporaryFolder();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Dispose();
        var assembly = typeof(StandInLibrary).Assembly;
        const string Prefix = "PtxDevice/";
        string[] files = [.. assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))];
        foreach (string file in files)
        {
            using Stream source = assembly.GetManifestResourceStream(file)!, copy = File.Create(folder[file[Prefix.Length..]]);
            source.CopyTo(copy);
        }
        try
        {
            using Process compiler = Process.Start("gcc",
            [
                .. Flags, "-o", folder["libcuda.so.1"], .. files.Where(file => file.EndsWith(".c", StringComparison.Ordinal)).Select(file => folder[file[Prefix.Length..]]), "-lm",
            ]);
            compiler.WaitForExit();
            if (compiler.ExitCode != 0) throw new InvalidOperationException($"gcc ended with {compiler.ExitCode}; its words are above.");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (null, $"gcc: {e.Message}");
        }
        File.Copy(folder["libcuda.so.1"], folder["libcublas.so.12"]);
        return (folder, "");
    }
}
