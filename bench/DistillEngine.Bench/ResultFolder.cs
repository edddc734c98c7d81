namespace DistillEngine.Bench;

/// <summary>Where recorded results go: bench/results/&lt;device&gt;/, one Markdown and one JSON file a run.</summary>
sealed class ResultFolder : IDisposable
{
    /// <summary>BenchmarkDotNet's own folder, deleted in the end.</summary>
    public string Artifacts { get; } = Directory.CreateTempSubdirectory("distill-bench-").FullName;

    /// <summary>Copies what the exporters wrote.</summary>
    /// <param name="run">Name of the files.</param>
    public void Collect(string run)
    {
        string folder = ResultPlace.Create(BenchDevice.VendorsName());
        foreach (string file in Directory.EnumerateFiles(Artifacts, "*", SearchOption.AllDirectories))
        {
            if (Path.GetExtension(file) is not (".md" or ".json")) continue;
            string destination = Path.Combine(folder, run + Path.GetExtension(file));
            File.Copy(file, destination, overwrite: true);
            Console.WriteLine($"Recorded {destination}");
        }
    }

    public void Dispose() => Directory.Delete(Artifacts, recursive: true);
}
