using DistillEngine.Core;

namespace DistillEngine.Training;

/// <summary>Moves the parameters of a <see cref="ParameterStore"/> along their gradients. All its memory is allocated when it is built.</summary>
public interface IOptimizer : IDisposable
{
    /// <summary>One of <see cref="Optimizers.Names"/>.</summary>
    string Name { get; }

    /// <summary>Steps taken. Set it after <see cref="State"/> has been refilled from a checkpoint.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative number.</exception>
    long StepCount { get; set; }

    /// <summary>Whether the schedule's learning rate is used; false where the optimizer sets its own (Adafactor's relative step).</summary>
    bool UsesSchedule { get; }

    /// <summary>Device memory held beside parameters and gradients, scratch included.</summary>
    long StateBytes { get; }

    /// <summary>What a checkpoint holds beside <see cref="StepCount"/>: views of the live state, named <c>{parameter}.exp_avg</c> and the
    /// like, as in the references' state dictionaries. Writing to them restores the state.</summary>
    IEnumerable<(string Name, Tensor Tensor)> State { get; }

    /// <summary>Takes one step; allocates nothing.</summary>
    /// <param name="gradientNorm">float32 [1] on the device: the global norm of all gradients.</param>
    /// <param name="learningRate">The schedule's rate of this step, at least 0; ignored unless <see cref="UsesSchedule"/>.</param>
    /// <param name="clip">Greatest global norm; gradients are multiplied by min(1, clip / (norm + 1e-6)); 0 clips nothing.</param>
    void Apply(Tensor gradientNorm, double learningRate, float clip);
}
