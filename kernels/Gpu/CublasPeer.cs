using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>cuBLAS beside the own products of a device.</summary>
sealed class CublasPeer(Gpu gpu, Cublas cublas, ComputePrecision precision) : IProductPeer
{
    public void Multiply(Tensor x, Tensor w, Tensor y)
    {
        const string Op = "cublas";
        int rows = x.Shape.D0, inputs = x.Shape.D1, outputs = w.Shape.D0;
        Check.Shape(x, new(rows, inputs), Op, x.DType == DType.BF16 ? DType.BF16 : DType.F32);
        Check.Shape(w, new(outputs, inputs), Op, x.DType);
        Check.Shape(y, new(rows, outputs), Op);
        var call = CublasCall.Of(MatMulProduct.Forward,
            new() { Rows = rows, Columns = outputs, Depth = inputs, StrideA = inputs, StrideB = inputs, StrideC = outputs });
        if (x.DType == DType.BF16) cublas.Multiply(call, gpu.View<ushort>(x), gpu.View<ushort>(w), gpu.View<float>(y));
        else cublas.Multiply(call, gpu.View<float>(x), gpu.View<float>(w), gpu.View<float>(y), precision);
    }

    public void Dispose() => cublas.Dispose();
}
