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

    [Theory, MemberData(nameof(TinyModels.Names), MemberType = typeof(TinyModels))]
    public void Backward_WithSquares_SumsThemOfAllGradients(string name)
    {
        using var backend = CpuBackend.Open(2);
        using T5Model model = TinyModels.Create(name, backend);
        using var sums = new HostBuffer(sizeof(double) * model.SquareSums, "sums");
        using var norms = new HostBuffer(2 * sizeof(float), "norms");
        var squares = new Tensor(sums, 0, new(model.SquareSums), DType.F64, "sums");
        Tensor early = new(norms, 0, new(1), DType.F32, "early"), late = new(norms, 1, new(1), DType.F32, "late");
        squares.HostSpan<double>().Clear();
        Batch batch = TinyModels.Ragged();
        Add(model, batch);
        model.Forward(batch, DropoutSettings.Off);
        model.Backward(TinyModels.RowWeights(batch), squares);
        backend.Kernels.GradientNorm.Root(squares, early);
        backend.Kernels.GradientNorm.Forward(model.Parameters.AllGradients, late);
        double expected = Math.Sqrt(TinyModels.Gradients(model).Sum(g => (double)g * g));
        Assert.Equal(expected, TinyModels.Read(early)[0], 1e-6 * expected);
        Assert.Equal(expected, TinyModels.Read(late)[0], 1e-6 * expected);
    }

    static void Add(T5Model model, Batch batch)
    {
        model.Forward(batch, DropoutSettings.Off);
        model.Backward(TinyModels.RowWeights(batch));
    }
}
