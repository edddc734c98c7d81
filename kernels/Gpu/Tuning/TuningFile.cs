using System.Text.Json;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Choices that outlast a run. A file that is none, or that cannot be read or written, is reported, left as it is and done without, since it
/// decides no result and may be somebody's; an empty one is a new one. Written whole and then renamed, so that no reader sees half of it; what
/// other processes wrote meanwhile is taken over.
/// </summary>
/// <param name="report">Takes a line for the user.</param>
sealed class TuningFile(string path, Action<string> report)
{
    /// <summary>Names another file than that in the user's cache folder.</summary>
    public const string Variable = "DISTILL_TUNING";

    /// <summary>Takes a line for the user.</summary>
    public Action<string> Report => report;

    TuningDocument? _document;
    bool _isLeft;

    /// <summary>The file that <see cref="Variable"/> names, or <c>distill/tuning.json</c> in the user's cache folder.</summary>
    /// <param name="device">What errors call the device.</param>
    /// <exception cref="InvalidOperationException">The variable names a folder.</exception>
    public static string StandardPath(string device)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named) return Named(device, named);
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache))
        {
            cache = OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        }
        return Path.Combine(cache, "distill", "tuning.json");
    }

    /// <summary>A path, unless it is a folder's.</summary>
    /// <inheritdoc cref="StandardPath"/>
    internal static string Named(string device, string path) => Directory.Exists(path) || Path.EndsInDirectorySeparator(path)
        ? throw new InvalidOperationException($"{device}: {Variable} is '{path}', which is a folder, expected a file. Name one in it, or leave {Variable} out.")
        : path;

    /// <summary>What was kept for a device and a class, or null.</summary>
    public string? Find(string device, string key)
    {
        _document ??= Read();
        return _document.Devices.TryGetValue(device, out SortedDictionary<string, string>? choices) ? choices.GetValueOrDefault(key) : null;
    }

    public void Keep(string device, string key, string choice)
    {
        _document = Read().With(_document).With(device, key, choice);
        if (_isLeft) return;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            AtomicFile.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(_document, TuningJson.Default.TuningDocument));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Leave($"it cannot be written ({DriverErrors.Line(e.Message)})");
        }
    }

    TuningDocument Read()
    {
        try
        {
            if (!_isLeft && File.Exists(path) && File.ReadAllBytes(path) is { Length: > 0 } bytes)
            {
                TuningDocument? document = JsonSerializer.Deserialize(bytes, TuningJson.Default.TuningDocument);
                if (document is { Format: TuningDocument.CurrentFormat } && document.Devices.Values.All(choices => choices is not null)) return document;
                Leave($"it is not a tuning file, expected format '{TuningDocument.CurrentFormat}'");
            }
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            Leave($"it is not a readable tuning file ({DriverErrors.Line(e.Message)})");
        }
        return new(TuningDocument.CurrentFormat, []);
    }

    void Leave(string why)
    {
        _isLeft = true;
        report($"{path}: {why}. It is left as it is, and the next run measures the kernels of this device again; "
            + $"delete it, or set {Variable} to a file that can be written.");
    }
}
