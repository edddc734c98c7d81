using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>A library that multiplies on a device, too: what the own products are measured by.</summary>
public interface IProductPeer : IDisposable
{
    /// <summary>y = x Wᵀ with sums in float32. Queues its work, which <see cref="IDevice.Synchronize"/> waits for.</summary>
    /// <param name="x">[rows, inputs], float32, multiplied in the device's precision, or bf16.</param>
    /// <param name="w">[outputs, inputs] of the same type.</param>
    /// <param name="y">float32 [rows, outputs]; overwritten.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    void Multiply(Tensor x, Tensor w, Tensor y);
}
