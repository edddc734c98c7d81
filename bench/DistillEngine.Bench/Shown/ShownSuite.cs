namespace DistillEngine.Bench.Shown;

/// <summary>A suite of rows that are published, and how to run it.</summary>
sealed record ShownSuite(string Name, string What, Func<ShownSizes, ShownTable> Run)
{
    /// <summary>Whether a device is measured, else the processor.</summary>
    public bool IsOfDevice { get; init; }

    /// <summary>In the order in which they run.</summary>
    public static IReadOnlyList<ShownSuite> All { get; } =
    [
        new("products", "fp32 and bf16 products of training, one thread and all", ShownProducts.Run),
        new("decode-products", "products of one row in fp32, bf16 and int8, in turns with reading memory", ShownDecodeProducts.Run),
        new("step-small", "training steps of v1.1-small and their memory", ShownSteps.Small),
        new("step-base", "training steps of v1.1-base and their memory", ShownSteps.Base),
        new("threads", "the step on one thread and on all, in turns", ShownThreads.Run),
        new("ragged", "rows as long as those of SVAMP and CQA", ShownRagged.Run),
        new("decoding", "greedy generation in every weight form", ShownDecoding.Run),
        new("agreement", "tokens that low forms of the weights choose as fp32 does, four trained models", ShownAgreement.Run),
        new("bf16-losses", "losses of recorded training runs in fp32 and bf16", ShownBf16Losses.Run),
        new("attention-memory", "memory by length up to 4,096", ShownAttentionMemory.Run),
        new("allocations", "managed bytes of a step and of a token", ShownAllocations.Run),
        new("device-products", "products of a device in every precision, in turns with cuBLAS", ShownDeviceProducts.Run) { IsOfDevice = true },
        new("device-step", "training steps of v1.1-base on a device, 64 rows", ShownDeviceStep.Run) { IsOfDevice = true },
    ];

    /// <summary>The suite of this name, or null.</summary>
    public static ShownSuite? Find(string name) => All.FirstOrDefault(suite => suite.Name == name);
}
