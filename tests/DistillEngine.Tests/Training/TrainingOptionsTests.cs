using DistillEngine.Data.Batching;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

public sealed class TrainingOptionsTests
{
    static readonly TrainingOptions Good = new() { Data = "data.jsonl", Task = "svamp", Model = "tiny", Output = "run" };

    static readonly OptimizerOptions RelativeStep = new() { Name = "adafactor" };

    public static TheoryData<string, Func<TrainingOptions, TrainingOptions>> Refused => new()
    {
        { "--alpha is 1.5", o => o with { Alpha = 1.5 } }, { "--alpha is NaN", o => o with { Alpha = double.NaN } },
        { "--alpha weighs", o => o with { Alpha = 0.5, Method = TrainingMethod.Standard } },
        { "--schedule needs a rate", o => o with { Schedule = "linear", Optimizer = RelativeStep } },
        { "--warmup needs a rate", o => o with { Warmup = 5, Optimizer = RelativeStep } },
        { "--steps is 0", o => o with { Steps = 0 } }, { "--batch is 0", o => o with { Batch = 0 } }, { "--accumulate is 0", o => o with { Accumulate = 0 } },
        { "--bucket-steps is -1", o => o with { BucketSteps = -1 } }, { "--warmup is -1", o => o with { Warmup = -1 } },
        { "--clip is -1", o => o with { Clip = -1 } }, { "--clip is NaN", o => o with { Clip = float.NaN } }, { "--dropout is 1", o => o with { Dropout = 1 } },
        { "--validation-fraction is 1", o => o with { ValidationFraction = 1 } }, { "--save-every is -1", o => o with { SaveEvery = -1 } },
        { "--eval-every is -1", o => o with { EvalEvery = -1 } }, { "--keep is -1", o => o with { Keep = -1 } },
        { "--patience is -1", o => o with { Patience = -1 } },
        { "--max-new-tokens is 0", o => o with { MaxNewTokens = 0 } }, { "--seed is", o => o with { Order = RowOrder.Published, Seed = 1UL << 32 } },
        { "--patience counts", o => o with { Patience = 1 } }, { "--validation is looked at", o => o with { ValidationData = "v.jsonl" } },
        { "--validation-fraction holds", o => o with { ValidationFraction = 0.2 } }, { "--eval-every 20000 exceeds --steps", o => o with { EvalEvery = 20_000 } },
        { "--eval-every needs rows", o => o with { EvalEvery = 1, ValidationFraction = 0 } },
    };

    [Theory, MemberData(nameof(Refused))]
    public void Validate_OfWhatMakesNoRun_NamesTheOption(string start, Func<TrainingOptions, TrainingOptions> change) =>
        Assert.StartsWith(start, Assert.Throws<ArgumentException>(change(Good).Validate).Message, StringComparison.Ordinal);

    [Fact]
    public void Validate_OfWhatMakesARun_Passes()
    {
        Good.Validate();
        (Good with { Method = TrainingMethod.Standard, Optimizer = RelativeStep }).Validate();
        (Good with { Alpha = 0, Schedule = "cosine", Warmup = 10 }).Validate();
    }
}
