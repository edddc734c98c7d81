using System.Diagnostics;

namespace DistillEngine.Terminal;

/// <summary>Progress: one line that is redrawn on a terminal, a plain line every ten seconds elsewhere.</summary>
public sealed class ProgressLine(Io io)
{
    // Some terminals do not tell.
    const int UnknownWidth = 79;

    static readonly TimeSpan RedrawInterval = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);

    readonly bool _isTerminal = io.IsTerminal;
    long _last;
    int _shown;

    /// <summary>Whether an update now would be shown; lets callers spare the formatting.</summary>
    public bool IsDue => _last == 0 || Stopwatch.GetElapsedTime(_last) >= (_isTerminal ? RedrawInterval : PlainInterval);

    /// <summary>Shows the state of the work if it is due.</summary>
    public void Update(string text)
    {
        if (!IsDue) return;
        _last = Stopwatch.GetTimestamp();
        if (!_isTerminal)
        {
            io.Error.WriteLine(text);
            return;
        }
        int width = Console.WindowWidth > 1 ? Console.WindowWidth - 1 : UnknownWidth;
        string line = text.Length > width ? text[..width] : text;
        io.Error.Write("\r" + line.PadRight(_shown));
        _shown = line.Length;
    }

    /// <summary>Writes a message that stays, above the progress line.</summary>
    public void Message(string text)
    {
        Clear();
        io.Error.WriteLine(text);
    }

    /// <summary>Takes the progress line away.</summary>
    public void Clear()
    {
        if (_shown == 0) return;
        io.Error.Write("\r" + new string(' ', _shown) + "\r");
        _shown = 0;
    }
}
