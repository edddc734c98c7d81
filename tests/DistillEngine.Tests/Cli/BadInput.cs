namespace DistillEngine.Tests.Cli;

/// <summary>A call of <c>distill</c> on a file that cannot be used.</summary>
/// <param name="Description">What is wrong.</param>
/// <param name="Arguments">The call; what starts with @ is a path within the workspace.</param>
/// <param name="File">The file that the error must name, within the workspace.</param>
/// <param name="Reason">What the error must say.</param>
/// <param name="Damage">Makes the workspace bad.</param>
sealed record BadInput(string Description, string[] Arguments, string File, string Reason, Action<Workspace> Damage)
{
    public static string[] Inspect { get; } = ["inspect", "@model"];

    public static string[] Train { get; } =
    [
        "train", "--data", "@data.jsonl", "--task", "@larger.json", "--model", "tiny", "--tokenizer", "@tokenizer", "--output", "@out",
        "--steps", "2", "--threads", "1",
    ];

    /// <summary>Trains from the model folder.</summary>
    public static string[] FineTune { get; } =
        ["train", "--data", "@data.jsonl", "--task", "@larger.json", "--model", "@model", "--output", "@out", "--steps", "2", "--threads", "1"];

    /// <summary>Goes on with the run in the model folder.</summary>
    public static string[] Resume { get; } =
    [
        "train", "--data", "@data.jsonl", "--task", "@larger.json", "--model", "tiny", "--tokenizer", "@tokenizer", "--output", "@model", "--steps", "6",
        "--batch", "4", "--lr", "2e-3",
        "--threads", "1", "--resume",
    ];

    public static string[] Evaluate { get; } = ["eval", "--model", "@model", "--data", "@data.jsonl", "--threads", "1", "--max-new-tokens", "2"];

    public static string[] Predict { get; } = ["predict", "--model", "@model", "which is larger, a cup or a car?", "--threads", "1"];

    public static string[] Validate { get; } = ["data", "validate", "@data.jsonl", "--task", "@larger.json"];

    public static string[] Stats { get; } = ["data", "stats", "@data.jsonl", "--task", "@larger.json"];

    public static string[] InspectFile(string file) => ["inspect", "@" + file];

    public static string[] PredictFile(string file) => ["predict", "--model", "@model", "--input", "@" + file, "--threads", "1"];
}
