using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Tests.Model;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.DeviceTests;

/// <summary>A model learns on the device as on the CPU.</summary>
public class DeviceTrainingTests
{
    public static TheoryData<string, string> Runs => new()
    {
        { TinyModels.Version10, "adamw" }, { TinyModels.Version11, "adafactor" }, { TinyModels.Multilingual, "adafactor-torch" },
    };

    [Theory, MemberData(nameof(Runs))]
    public void FiftySteps_OnTheDevice_LoseWhatTheyLoseOnTheCpu(string name, string optimizer)
    {
        using GpuBackend device = DeviceUnderTest.Open();
        using var cpu = CpuBackend.Open(2);
        double[] expected = Train(cpu, name, optimizer), got = Train(device, name, optimizer);
        Assert.True(expected[^1] < 0.8 * expected[0], $"the CPU's loss went from {expected[0]} to {expected[^1]}.");
        // Rounding differs and grows from step to step, so that a trajectory is followed within a share of its losses.
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], got[i], 2e-3 * expected[0]);
    }

    [Fact]
    public void FiftySteps_InBf16_LearnAsInFloat32()
    {
        using GpuBackend device = DeviceUnderTest.Open(ComputePrecision.Bf16);
        using var cpu = CpuBackend.Open(2);
        double[] expected = Train(cpu, TinyModels.Version11, "adamw"), got = Train(device, TinyModels.Version11, "adamw");
        Assert.Equal(expected[0], got[0], 2e-2 * expected[0]);
        Assert.Equal(expected[^1], got[^1], 5e-2 * expected[0]);
    }

    static double[] Train(IBackend backend, string name, string optimizer)
    {
        using T5Model model = TinyModels.Create(name, backend);
        using IOptimizer rule = Optimizers.Create(new() { Name = optimizer, LearningRate = 3e-3 }, model.Parameters, backend.Kernels, backend);
        using var trainer = new Trainer(model, rule, LearningRateSchedule.Create("constant", 3e-3, 0, 50), new TrainerSettings
        {
            Dropout = 0.1f, Seed = 3, Clip = 1,
        });
        Batch batch = TinyModels.Ragged();
        return [.. Enumerable.Range(0, 50).Select(_ => trainer.Step([batch]).Loss)];
    }
}
