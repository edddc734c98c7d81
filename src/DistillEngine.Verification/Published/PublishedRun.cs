using DistillEngine.Training;

namespace DistillEngine.Verification;

/// <summary>One recorded run of the published code: its options, and where its files are.</summary>
sealed class PublishedRun
{
    const string OldAdamW = "transformers.optimization.AdamW";
    const string TorchAdamW = "torch.optim.adamw.AdamW";

    readonly string[] _command;

    PublishedRun(string folder, GoldenJson record)
    {
        (Folder, Record) = (folder, record);
        _command = record["command"].Texts;
        Arguments = record["training_arguments"];
        Steps = record["steps"].Items;
        if (Steps.Count != Arguments["max_steps"].Integer)
            throw record["steps"].Error($"has {Steps.Count} steps", $"{Arguments["max_steps"].Integer}, the run's max_steps");
    }

    public string Folder { get; }

    public GoldenJson Record { get; }

    /// <summary>The trainer's numbers.</summary>
    public GoldenJson Arguments { get; }

    /// <summary>What each step recorded, the first one first.</summary>
    public IReadOnlyList<GoldenJson> Steps { get; }

    /// <summary>The data set, which is a built-in task too.</summary>
    public string Dataset => Option("--dataset") ?? throw Record["command"].Error("has no --dataset", "one");

    /// <summary>Whether the two tasks are told apart by prefixes; else the plain input trains the label alone.</summary>
    public bool IsTaskPrefix => Option("--model_type") == "task_prefix";

    /// <summary>Whether the teacher's labels are trained instead of the gold ones.</summary>
    public bool TrainsTeacherLabels => Option("--label_type") == "llm";

    /// <summary>Share of the label loss; 1 where there is no other.</summary>
    public double Alpha => Record.FindValue("alpha")?.Number ?? 1;

    /// <summary>Whether the evaluation generated rationales beside labels.</summary>
    public bool OutputsRationales => Record.FindValue("output_rationale")?.Boolean ?? false;

    public int Accumulate => Arguments["gradient_accumulation_steps"].Integer;

    public int BatchRows => Arguments["per_device_train_batch_size"].Integer;

    public int EvaluationRows => Arguments["per_device_eval_batch_size"].Integer;

    public static PublishedRun Read(string folder) => new(folder, GoldenJson.Load(Path.Combine(folder, "run.json")));

    public string PathOf(string file) => Path.Combine(Folder, file);

    public LearningRateSchedule Schedule()
    {
        int total = Arguments["max_steps"].Integer, warmup = Arguments["warmup_steps"].Integer;
        if (warmup == 0) warmup = (int)Math.Ceiling(total * (Arguments.FindValue("warmup_ratio")?.Number ?? 0));
        return LearningRateSchedule.Create(Record["scheduler"]["lr_scheduler_type"].Text, Arguments["learning_rate"].Number, warmup, total);
    }

    public OptimizerOptions Optimizer()
    {
        GoldenJson kind = Record["optimizer"]["class"];
        string name = kind.Text switch
        {
            OldAdamW => "adamw-hf",
            TorchAdamW => "adamw",
            _ => throw kind.Error("", $"{OldAdamW} or {TorchAdamW}"),
        };
        return new OptimizerOptions
        {
            // The published groups exempt norms and relative biases from decay.
            Name = name, LearningRate = Arguments["learning_rate"].Number, DecayNorms = false,
            WeightDecay = Arguments["weight_decay"].Number,
            Beta1 = Arguments["adam_beta1"].Number, Beta2 = Arguments["adam_beta2"].Number, Epsilon = Arguments["adam_epsilon"].Number,
        };
    }

    public TrainerSettings Trainer() => new()
    {
        Alpha = Alpha, AccumulateMean = AccumulateMean.MicroBatches, Clip = (float)Arguments["max_grad_norm"].Number, Dropout = 0,
    };

    /// <summary>The recorded batches: of each step its micro-batches, of each the predict rows and, where they are trained, the explain
    /// rows.</summary>
    public PaddedBatch[][][] ReadBatches(int vocabulary)
    {
        using var file = GoldenTensors.Open(PathOf("batches.safetensors"));
        var steps = new PaddedBatch[Steps.Count][][];
        for (int step = 0; step < steps.Length; step++)
        {
            steps[step] = new PaddedBatch[Steps[step]["micro_batches"].Items.Count][];
            for (int micro = 0; micro < steps[step].Length; micro++)
            {
                string prefix = $"step{step + 1:D4}.micro{micro}.";
                PaddedBatch predict = PaddedBatch.Read(file, $"{prefix}predict.", vocabulary);
                steps[step][micro] = file.Contains($"{prefix}explain.input_ids")
                    ? [predict, PaddedBatch.Read(file, $"{prefix}explain.", vocabulary)]
                    : [predict];
            }
        }
        return steps;
    }

    string? Option(string name)
    {
        int at = Array.IndexOf(_command, name);
        return at >= 0 && at + 1 < _command.Length ? _command[at + 1] : null;
    }
}
