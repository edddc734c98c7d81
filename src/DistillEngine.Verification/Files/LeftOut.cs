namespace DistillEngine.Verification;

/// <summary>What a copy of a case leaves out on purpose: <c>left-out.txt</c> in its folder names it, one a line. Anything else that a case
/// lacks is missing.</summary>
static class LeftOut
{
    public const string FileName = "left-out.txt";

    /// <param name="folder">A case's folder.</param>
    /// <param name="name">A file in it, or what else the case is made of.</param>
    public static bool Names(string folder, string name)
    {
        string path = Path.Combine(folder, FileName);
        return File.Exists(path) && File.ReadLines(path).Any(line => line.AsSpan().Trim().SequenceEqual(name));
    }
}
