using DistillEngine.Data.Rationales;

namespace DistillEngine.Data.Import;

/// <summary>
/// The texts that the published code trains on, from a row made by <see cref="DssImporter"/>. An imported row holds null where the
/// published code found no label or no rationale, and the status <see cref="RationaleStatus.ParseFailed"/> where it found no label, so that
/// nothing unparsed is trained by mistake; this view puts back the placeholder which the published code trains on all the same.
/// </summary>
public static class PublishedView
{
    /// <summary>The teacher's label, or the placeholder.</summary>
    public static string TeacherLabel(RationaleRow row, PublishedParser parser) => row.TeacherLabel ?? parser.Unparsed;

    /// <summary>The rationale whatever the row's status, or the placeholder.</summary>
    public static string Rationale(RationaleRow row, PublishedParser parser) => row.Rationale ?? parser.Unparsed;
}
