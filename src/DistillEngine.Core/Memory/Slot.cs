namespace DistillEngine.Core;

/// <summary>How long a planned buffer's contents must last.</summary>
public enum Lifetime : byte
{
    /// <summary>Within one sub-layer call; its memory is shared with the scratch of all other scopes.</summary>
    Scratch,

    /// <summary>From a sub-layer's forward to its backward. Without training the same as <see cref="Scratch"/>.</summary>
    Saved,

    /// <summary>For the whole pass, with or without training.</summary>
    Persistent,
}

/// <summary>A named place in an arena; <see cref="Arena.View(Slot)"/> gives its tensor.</summary>
public readonly record struct Slot(int Index);
