using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The three products of a linear map on the CPU. Split, memory, bound and sums are those of <see cref="Gemm"/>, and of
/// <see cref="RowProducts{TVector}"/> for a forward product of at most <see cref="RowProducts{TVector}.MaxRows"/> rows: only there does a
/// row's result depend on the number of rows, in its last bits, by the order of the sum. Where products take bfloat16 operands, a forward
/// product of few rows, or of few inputs, keeps float32.
/// </summary>
/// <param name="isa">Decides the products with packed weights; those with float32 ones are <paramref name="gemm"/>'s.</param>
/// <param name="code">As in <see cref="GemmKernel.For"/>.</param>
sealed unsafe class MatMulCpu<TVector>(ComputePool pool, Gemm gemm, CpuIsa isa = CpuIsa.Scalar, EmittedCode? code = null) : MatMul
    where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Inputs up to which a forward product keeps float32 operands. No published T5 has a map so narrow. In a model of so few units each
    /// weighs much, and roundings that switch a ReLU on or off, made large by Adam, move the loss by percents: in a model 16 wide by up to
    /// 4e-2 within 20 steps.</summary>
    public const int MaxNarrowInputs = 32;

    // Products of more maps than any layer has are taken one by one: what describes them lies on the stack.
    const int MaxShared = 8;

    readonly Gemm _narrow = gemm.WithFloat32Operands();

    // By form: the choice asks the processor, which costs more than a product.
    readonly PackedTiles?[] _tiles = [.. Enum.GetValues<WeightForm>().Select(form => (code ?? EmittedCode.Machine).Packed(isa, form))];

    // Operands that are rounded to bfloat16 are packed anew for every product.
    public override bool Supports(WeightForm form) => form != WeightForm.PackedF32 || (_tiles[(int)form] is not null && _narrow == gemm);

    protected override void ForwardCore(Tensor x, Weight w, Into into, Tensor y)
    {
        if (w.Packed is not null)
            PackedProducts<TVector>.Multiply(pool, _tiles[(int)w.Form], x, new(in w), into, new(in y));
        else
            Forward(x.HostPointer<float>(), w.Value.HostPointer<float>(), x.Shape.D0, w.Outputs, w.Inputs, into,
                y.HostPointer<float>(), w.Outputs);
    }

    protected override void ForwardSharedCore(Tensor x, ReadOnlySpan<Weight> weights, ReadOnlySpan<Tensor> outputs)
    {
        bool isPacked = weights[0].Packed is not null, isOneForm = true;
        foreach (Weight weight in weights) isOneForm &= weight.Form == weights[0].Form;
        if (isPacked && isOneForm && weights.Length <= PackedProducts<TVector>.MaxMaps)
            PackedProducts<TVector>.Multiply(pool, _tiles[(int)weights[0].Form], x, weights, Into.Overwrite, outputs);
        else if (!isPacked && isOneForm && x.Shape.D0 <= RowProducts<TVector>.MaxRows && weights.Length <= RowProducts<TVector>.MaxMaps)
            RowProducts<TVector>.Multiply(pool, x, weights, outputs);
        else if (!isPacked && isOneForm && x.Shape.D0 > RowProducts<TVector>.MaxRows && weights.Length <= MaxShared)
        {
            GemmProduct* products = stackalloc GemmProduct[weights.Length];
            for (int i = 0; i < weights.Length; i++)
                products[i] = Product(x.HostPointer<float>(), weights[i].Value.HostPointer<float>(), x.Shape.D0, weights[i].Outputs, weights[i].Inputs,
                    Into.Overwrite, outputs[i].HostPointer<float>(), weights[i].Outputs);
            ForwardGemm(x.Shape.D1).Multiply([], new(products, weights.Length));
        }
        else
            base.ForwardSharedCore(x, weights, outputs);
    }

    /// <summary>y = or += x Wᵀ, rows of y <paramref name="stride"/> elements apart.</summary>
    public void Forward(float* x, float* w, int rows, int outputs, int inputs, Into into, float* y, long stride)
    {
        if (rows <= RowProducts<TVector>.MaxRows)
            RowProducts<TVector>.Multiply(pool, x, w, rows, outputs, inputs, into, y, stride);
        else
            ForwardGemm(inputs).Multiply(Product(x, w, rows, outputs, inputs, into, y, stride));
    }

    Gemm ForwardGemm(int inputs) => inputs <= MaxNarrowInputs ? _narrow : gemm;

    /// <summary>y = or += x Wᵀ.</summary>
    static GemmProduct Product(float* x, float* w, int rows, int outputs, int inputs, Into into, float* y, long stride) =>
        new(GemmOperand.OfLines(x, inputs), GemmOperand.OfLines(w, inputs), rows, outputs, inputs, into, (nint)y, stride);

    public override bool FusesGatedGelu(Weight gate, Weight up) =>
        gate.Packed is not null && gate.Form == up.Form && (gate.Outputs, gate.Inputs) == (up.Outputs, up.Inputs);

    protected override void ForwardGatedCore(Tensor x, Weight gate, Weight up, Tensor y) =>
        PackedProducts<TVector>.MultiplyGated(pool, _tiles[(int)gate.Form], x, gate, up, y);

    protected override void RefineGreatestCore(Tensor x, Weight w, Tensor y) => GreatestRefinement.Run(pool, x, w.Packed!, y);

    protected override void BackwardSharedCore(
        ReadOnlySpan<Tensor> dys, Tensor x, ReadOnlySpan<Weight> weights, Into into, Tensor dx, ReadOnlySpan<Gradient> dWeights)
    {
        if (weights.Length > MaxShared)
        {
            base.BackwardSharedCore(dys, x, weights, into, dx, dWeights);
            return;
        }
        int count = weights.Length;
        GemmProduct* products = stackalloc GemmProduct[2 * count];
        for (int i = 0; i < count; i++)
        {
            products[i] = InputGradient(dys[i], weights[i], i == 0 ? into : Into.Add, dx);
            products[count + i] = WeightGradient(dys[i], x, dWeights[i]);
        }
        gemm.Multiply(new(products, count), new(products + count, count));
    }

    protected override void BackwardInputCore(Tensor dy, Weight w, Into into, Tensor dx) => gemm.Multiply(InputGradient(dy, w, into, dx));

    protected override void BackwardWeightCore(Tensor dy, Tensor x, Into into, Tensor dWeight) => gemm.Multiply(WeightGradient(dy, x, new(dWeight, into)));

    static GemmProduct InputGradient(Tensor dy, Weight w, Into into, Tensor dx) =>
        InputGradient(dy.HostPointer<float>(), w.Outputs, w.Value.HostPointer<float>(), dy.Shape.D0, w.Outputs, w.Inputs, into, dx.HostPointer<float>());

    /// <summary>dx = or += dy W, rows of dy <paramref name="stride"/> elements apart.</summary>
    public static GemmProduct InputGradient(float* dy, long stride, float* w, int rows, int outputs, int inputs, Into into, float* dx) =>
        new(GemmOperand.OfLines(dy, stride), GemmOperand.OfSteps(w, inputs), rows, inputs, outputs, into, (nint)dx, inputs);

    static GemmProduct WeightGradient(Tensor dy, Tensor x, Gradient dWeight)
    {
        Shape shape = dWeight.Sum.Shape;
        return WeightGradient(dy.HostPointer<float>(), shape.D0, x.HostPointer<float>(), x.Shape.D0, shape.D0, shape.D1, dWeight.Into,
            dWeight.Sum.HostPointer<float>());
    }

    /// <summary>dWeight = or += dyᵀ x, rows of dy <paramref name="stride"/> elements apart.</summary>
    public static GemmProduct WeightGradient(float* dy, long stride, float* x, int rows, int outputs, int inputs, Into into, float* dWeight) =>
        new(GemmOperand.OfSteps(dy, stride), GemmOperand.OfSteps(x, inputs), outputs, inputs, rows, into, (nint)dWeight, inputs)
        {
            // By the norm of all gradients, behind the last of them.
            IsReadLate = true,
        };
}
