using System.Xml.Linq;
using Xunit;

namespace DistillEngine.Tests.House;

/// <summary>Dependencies run downward only; the project files prove it.</summary>
public class DependencyTests
{
    const string Prefix = "DistillEngine.";

    /// <summary>What each room may see. A project may name anything that one of these names too: C# hands references on.</summary>
    static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Core"] = [],
        ["Kernels"] = ["Core"],
        ["Kernels.Gpu"] = ["Kernels"],
        ["Formats"] = ["Core"],
        ["Data"] = ["Core"],
        ["Model"] = ["Kernels", "Core"],
        ["Training"] = ["Model", "Data", "Formats"],
        ["Verification"] = ["Training"],
        ["Benchmarks"] = ["Training"],
        ["Teacher"] = ["Data"],
        ["Terminal"] = ["Core"],
        ["Cli"] = ["Verification", "Benchmarks", "Training", "Kernels.Gpu", "Terminal"],
        ["Teacher.Cli"] = ["Teacher", "Terminal"],
    };

    /// <summary>Rooms that stand outside and may see everything.</summary>
    static readonly string[] Outside = ["Tests", "DeviceTests", "Bench", "Compare"];

    static readonly Dictionary<string, Project> Projects =
        Repository.Files("*.csproj").Select(Project.Read).ToDictionary(project => project.Name);

    [Fact]
    public void Projects_AreTheRoomsOfTheHouse() =>
        Assert.DoesNotContain(Projects.Keys, name => !Allowed.ContainsKey(name) && !Outside.Contains(name));

    [Fact]
    public void References_RunDownwardOnly()
    {
        var wrong = from project in Projects.Values
                    where Allowed.ContainsKey(project.Name)
                    let reachable = Below(project.Name)
                    from reference in project.References
                    where !reachable.Contains(reference)
                    select $"{project.Name} → {reference}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void References_KeepTheChainOfTheHouse()
    {
        string[] chain = ["Cli", "Verification", "Training", "Model", "Kernels", "Core"];
        foreach (var (upper, lower) in chain.Zip(chain.Skip(1)))
            Assert.Contains(lower, Projects[upper].References);
        foreach (string side in (string[])["Data", "Formats"])
        {
            Assert.Contains(side, Projects["Training"].References);
            Assert.Equal(["Core"], Projects[side].References);
        }
    }

    [Fact]
    public void Ilgpu_IsNamedByTheGpuKernelsAlone() =>
        Assert.DoesNotContain(Projects.Values, p => p.Name != "Kernels.Gpu" && p.Packages.Any(n => n.StartsWith("ILGPU", StringComparison.OrdinalIgnoreCase)));

    [Fact]
    public void Packages_StayWhereTheyBelong()
    {
        Dictionary<string, string[]> allowed = new()
        {
            ["System.CommandLine"] = ["Cli", "Teacher.Cli", "Terminal"],
            ["Microsoft.Extensions.AI.Abstractions"] = ["Teacher"],
            ["Polly.Core"] = ["Teacher"],
            ["Microsoft.ML.Tokenizers"] = ["Data"],
            ["Iced"] = ["Kernels"],
            ["System.Numerics.Tensors"] = ["Kernels", "Kernels.Gpu", "Model", "Formats"],
        };
        var wrong = from project in Projects.Values
                    where !Outside.Contains(project.Name)
                    from package in project.Packages
                    where !package.StartsWith("ILGPU", StringComparison.OrdinalIgnoreCase)
                    where !allowed.TryGetValue(package, out string[]? rooms) || !rooms.Contains(project.Name)
                    select $"{project.Name} takes {package}";
        Assert.Empty(wrong);
    }

    static HashSet<string> Below(string name)
    {
        var found = new HashSet<string>();
        var open = new Stack<string>(Allowed[name]);
        while (open.TryPop(out string? next))
            if (found.Add(next)) Array.ForEach(Allowed[next], open.Push);
        return found;
    }

    sealed record Project(string Name, string[] References, string[] Packages)
    {
        public static Project Read(string path)
        {
            var document = XDocument.Load(Path.Combine(Repository.Root, path));
            return new(NameOf(path), [.. Named(document, "ProjectReference").Select(NameOf)], [.. Named(document, "PackageReference")]);
        }

        static IEnumerable<string> Named(XDocument document, string element) =>
            document.Descendants(element).Select(e => e.Attribute("Include")?.Value).OfType<string>();

        static string NameOf(string path) => Path.GetFileNameWithoutExtension(path.Replace('\\', '/')).Replace(Prefix, "", StringComparison.Ordinal);
    }
}
