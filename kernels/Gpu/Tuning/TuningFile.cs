using System.Text.Json;

namespace DistillEngine.Kernels;

/// <summary>
/// Choices that outlast a run. A file that cannot be read as one is reported and rebuilt, one that cannot be written is reported and done
/// without: neither decides a result. Written whole and then renamed, so that no reader sees half of it; what other processes wrote
/// meanwhile is taken over.
/// </summary>
/// <param name="report">Takes a line for the user.</param>
sealed class TuningFile(string path, Action<string> report)
{
    /// <summary>Names another file than that in the user's cache folder.</summary>
    public const string Variable = "DISTILL_TUNING";

    /// <summary>Takes a line for the user.</summary>
    public Action<string> Report => report;

    TuningDocument? _document;
    bool _isUnwritable;

    /// <summary>The file that <see cref="Variable"/> names, or <c>distill/tuning.json</c> in the user's cache folder.</summary>
    public static string StandardPath()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named) return named;
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache))
        {
            cache = OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        }
        return Path.Combine(cache, "distill", "tuning.json");
    }

    /// <summary>What was kept for a device and a class, or null.</summary>
    public string? Find(string device, string key)
    {
        _document ??= Read(report);
        return _document.Devices.TryGetValue(device, out SortedDictionary<string, string>? choices) ? choices.GetValueOrDefault(key) : null;
    }

    public void Keep(string device, string key, string choice)
    {
        _document = Read(_document is null ? report : _ => { }).With(_document).With(device, key, choice);
        if (_isUnwritable) return;
        string temporary = $"{path}.{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(_document, TuningJson.Default.TuningDocument));
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _isUnwritable = true;
            report($"{path}: kernels chosen for this device cannot be kept, so the next run measures them again: {e.Message} "
                + $"Set {Variable} to a file that can be written.");
        }
    }

    TuningDocument Read(Action<string> complain)
    {
        try
        {
            if (File.Exists(path))
            {
                TuningDocument? document = JsonSerializer.Deserialize(File.ReadAllBytes(path), TuningJson.Default.TuningDocument);
                if (document is { Format: TuningDocument.CurrentFormat } && document.Devices.Values.All(choices => choices is not null)) return document;
                complain($"{path}: not a tuning file, expected format '{TuningDocument.CurrentFormat}'; it is rebuilt.");
            }
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            complain($"{path}: not a readable tuning file ({e.Message}); it is rebuilt.");
        }
        return new(TuningDocument.CurrentFormat, []);
    }
}
