using System.Runtime.CompilerServices;

namespace DistillEngine.Core;

/// <summary>The text of a failed check: an interpolated string that is built only where the check fails, so that checks of a hot path allocate
/// nothing.</summary>
[InterpolatedStringHandler]
public ref struct CheckMessage
{
    DefaultInterpolatedStringHandler _text;

    public CheckMessage(int literalLength, int formattedCount, bool condition, out bool isNeeded)
    {
        isNeeded = !condition;
        if (isNeeded) _text = new DefaultInterpolatedStringHandler(literalLength, formattedCount);
    }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    internal string Build() => _text.ToStringAndClear();
}
