namespace DistillEngine.Data.Tokenization;

/// <summary>The working memory of one encoding; reused, so that encoding allocates nothing.</summary>
sealed class EncodeScratch
{
    /// <summary>Above this many bytes the memory is given back after use: one huge text must not pin it.</summary>
    const int KeptBytes = 1 << 20;

    public readonly ByteBuffer Source = new();

    public readonly ByteBuffer Normalized = new();

    /// <summary>The best way to each position of the normalized text.</summary>
    public PathNode[] Path = [];

    /// <summary>Ends of the chosen pieces, last piece first.</summary>
    public int[] Ends = [];

    public bool IsSmall => Source.Capacity <= KeptBytes && Normalized.Capacity <= KeptBytes && Path.Length <= KeptBytes / 8;

    /// <summary>The best segmentation that ends at a position.</summary>
    public struct PathNode
    {
        public float Score;
        public int Start;
        public int Id;
    }
}
