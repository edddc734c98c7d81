namespace DistillEngine.Verification;

/// <summary>The recorded texts of every batch, encoded again.</summary>
static class PublishedTexts
{
    // The published options: ids of a source, and of a target.
    public const int MaxInputTokens = 1024, MaxTargetTokens = 256;

    public static void Run(PublishedRun run, PaddedBatch[][][] batches, PublishedVocabulary vocabulary, CaseReport report)
    {
        var differences = new Differences();
        int next = 0;
        string path = run.PathOf("texts.json");
        IReadOnlyList<GoldenJson> texts = GoldenJson.Load(path).Items;
        foreach (PaddedBatch[] parts in batches.SelectMany(step => step))
        {
            for (int row = 0; row < parts[0].Rows; row++)
            {
                if (next == texts.Count)
                    throw new InvalidDataException($"{path}: has {next} rows, fewer than the batches. Copy the golden again.");
                GoldenJson text = texts[next++];
                See(text["predict_input"].Text, MaxInputTokens, parts[0].Source(row));
                See(text["label"].Text, MaxTargetTokens, parts[0].Labels(row));
                if (parts.Length == 1) continue;
                See(text["explain_input"].Text, MaxInputTokens, parts[1].Source(row));
                See(text["rationale"].Text, MaxTargetTokens, parts[1].Labels(row));
            }
        }
        report.Add("texts", differences);

        void See(string text, int limit, ReadOnlySpan<int> expected) =>
            differences.See($"row {next - 1}, '{text}'", vocabulary.Encode(text, limit), expected);
    }
}
