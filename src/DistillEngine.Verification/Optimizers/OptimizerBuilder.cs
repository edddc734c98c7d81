using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Training;

namespace DistillEngine.Verification;

static class OptimizerBuilder
{
    public static IOptimizer Create(OptimizerOptions options, ParameterStore parameters, IBackend backend) =>
        Training.Optimizers.Create(options, parameters, backend.Kernels, backend);
}
