using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Model;

/// <summary>Whoever takes memory several times gives back what it has when one is refused.</summary>
public class RefusedMemoryTests
{
    /// <summary>By name: whether it needs a model for training, and its constructor.</summary>
    static readonly Dictionary<string, (bool Training, Func<T5Model, IDisposable> Build)> Owners = new()
    {
        ["generator"] = (false, model => new GreedyGenerator(model, 5)),
        ["batch generator"] = (false, model => new BatchGenerator(model, new() { MaxNewTokens = 5 }, 2)),
        ["model for training"] = (true, model => new T5Model(model.Config, model.Limits, model.Backend, training: true)),
        ["model of int8"] = (false, model => new T5Model(model.Config, model.Limits, model.Backend, training: false, WeightForm.Int8)),
        ["AdamW"] = (true, model => Optimizers.Create(new() { Name = "adamw", LearningRate = 1e-3 }, model.Parameters, model.Backend.Kernels, model.Backend)),
        ["Adafactor"] = (true, model =>
            Optimizers.Create(new() { Name = "adafactor", LearningRate = 1e-3 }, model.Parameters, model.Backend.Kernels, model.Backend)),
    };

    public static TheoryData<string> Names => [.. Owners.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Constructor_WhenAnyMemoryIsRefused_HoldsNone(string name)
    {
        using var backend = new RefusingBackend(CpuBackend.Open(1));
        using T5Model model = TinyModels.Create(TinyModels.Version11, backend, Owners[name].Training);
        string[] before = [.. backend.Held];
        for (int gifts = 0; ; gifts++)
        {
            backend.Gifts = gifts;
            try
            {
                Owners[name].Build(model).Dispose();
                Assert.True(gifts > 0, "no memory was asked for");
                break;
            }
            catch (InsufficientMemoryException)
            {
                Assert.Equal(before, backend.Held);
            }
        }
        Assert.Equal(before, backend.Held);
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(1 << 28)]
    public void GreedyGenerator_OfTokensThatFitNoArray_SaysHowManyDo(int tokens)
    {
        using var backend = new RefusingBackend(CpuBackend.Open(1));
        using T5Model model = TinyModels.Create(TinyModels.Version11, backend, training: false);
        string message = Assert.Throws<ArgumentException>(() => new GreedyGenerator(model, tokens)).Message;
        Assert.Contains($"max new tokens is {tokens}, expected at most {Array.MaxLength / TinyModels.Limits.MaxSequences - 1}", message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new BatchGenerator(model, new() { MaxNewTokens = tokens }, TinyModels.Limits.MaxSequences));
    }
}
