namespace DistillEngine.Teacher.Replies;

/// <summary>Where a marker such as <c>so the answer is</c> stands.</summary>
/// <param name="Start">First character of the marker.</param>
/// <param name="End">First character after it.</param>
readonly record struct AnswerMarker(int Start, int End)
{
    /// <summary>The last marker, or null. Where one marker is the end of another, the longer one counts.</summary>
    public static AnswerMarker? Last(ReadOnlySpan<char> text, IReadOnlyList<string> markers)
    {
        AnswerMarker? best = null;
        foreach (string marker in markers)
        {
            int start = marker.Length == 0 ? -1 : text.LastIndexOf(marker, StringComparison.OrdinalIgnoreCase);
            if (start < 0) continue;
            int end = start + marker.Length;
            if (best is not { } held || end > held.End || (end == held.End && start < held.Start)) best = new(start, end);
        }
        return best;
    }

    /// <summary>The first marker, or null. Where two begin at one place, the longer one counts.</summary>
    public static AnswerMarker? First(ReadOnlySpan<char> text, IReadOnlyList<string> markers)
    {
        AnswerMarker? best = null;
        foreach (string marker in markers)
        {
            int start = marker.Length == 0 ? -1 : text.IndexOf(marker, StringComparison.OrdinalIgnoreCase);
            if (start < 0) continue;
            int end = start + marker.Length;
            if (best is not { } held || start < held.Start || (start == held.Start && end > held.End)) best = new(start, end);
        }
        return best;
    }
}
