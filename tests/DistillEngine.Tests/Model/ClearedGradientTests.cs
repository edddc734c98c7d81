using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

public class ClearedGradientTests
{
    [Theory, MemberData(nameof(TinyModels.Names), MemberType = typeof(TinyModels))]
    public void Backward_AfterClearing_GivesTheBitsOfAddingToZeros(string name)
    {
        using var backend = CpuBackend.Open(2);
        using T5Model zeroed = TinyModels.Create(name, backend), cleared = TinyModels.Create(name, backend);
        Batch batch = TinyModels.Ragged(), other = TinyModels.Alone(batch, 0);
        // What an earlier step leaves must not matter.
        Add(cleared, other);
        cleared.Parameters.ClearGradients();
        // The second micro-batch of a step adds to what the first one overwrites.
        for (int micro = 0; micro < 2; micro++)
        {
            Add(zeroed, batch);
            Add(cleared, batch);
        }
        Assert.Equal(TinyModels.Gradients(zeroed), TinyModels.Gradients(cleared));
        Assert.Contains(TinyModels.Gradients(cleared), g => g != 0);
    }

    [Theory, MemberData(nameof(TinyModels.Names), MemberType = typeof(TinyModels))]
    public void Gradients_ReadAfterClearing_AreZero(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend);
        Add(model, TinyModels.Ragged());
        model.Parameters.ClearGradients();
        for (int i = 0; i < model.Parameters.Specs.Count; i++)
            Assert.All(TinyModels.Read(model.Parameters.Gradient(new ParameterId(i))), g => Assert.Equal(0, g));
        Add(model, TinyModels.Ragged());
        model.Parameters.ClearGradients();
        Assert.All(TinyModels.Gradients(model), g => Assert.Equal(0, g));
    }

    static void Add(T5Model model, Batch batch)
    {
        model.Forward(batch, DropoutSettings.Off);
        model.Backward(TinyModels.RowWeights(batch));
    }
}
