using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The results of a product with packed whole numbers that may be a row's greatest, computed anew from the float32 inputs and from weights of some
/// 15 bits: whole number and remainder. Candidates are those that lie within some standard deviations of their rounding errors below the
/// greatest; of a trained model's logits these are mostly one to three.
/// Split: by rows. Memory: the results are read twice, from the caches; a candidate reads a byte and a remainder an input. Sums: float64 in four
/// chains, in order, so that bits depend on nothing but row and weights.
/// </summary>
static unsafe class GreatestRefinement
{
    // Of the difference of two results: errors of hundreds of inputs add up to a normal distribution, which exceeds this once in 10⁹ times.
    const double Deviations = 6;

    // The variance of an error that is spread evenly over one step.
    const double StepVariance = 1.0 / 12;

    // Below this many results a part costs less than waking a thread for it.
    const long LeastElements = 1 << 15;

    public static void Run(ComputePool pool, Tensor x, PackedWeight weight, Tensor y)
    {
        var job = new Job
        {
            Weight = new(weight),
            X = x.HostPointer<float>(),
            Y = y.HostPointer<float>(),
            Rows = x.Shape.D0,
            Outputs = weight.Outputs,
            Parts = Split.Parts(y.Count, LeastElements, pool.ThreadCount),
        };
        pool.Run(job.Parts, &Part, &job);
    }

    static void Part(void* context, int part, int thread)
    {
        ref readonly Job job = ref *(Job*)context;
        var (start, end) = Split.Range(job.Rows, part, job.Parts);
        for (long row = start; row < end; row++)
            RefineRow(job.Weight, new(job.X + row * job.Weight.Inputs, job.Weight.Inputs), new(job.Y + row * job.Outputs, job.Outputs));
    }

    static void RefineRow(in FineWeight weight, ReadOnlySpan<float> x, Span<float> y)
    {
        int first = Greatest.IndexOf(y);
        float greatest = y[first];
        if (!float.IsFinite(greatest)) return;
        double margin = Margin(weight, x, first);
        if (margin == 0) return; // Inputs of zeros: nothing was rounded.
        float least = greatest - (float)margin;
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(y);
        var bound = new Vector<float>(least);
        for (int i = 0; i < vectors.Length; i++)
        {
            if (!Vector.GreaterThanOrEqualAny(vectors[i], bound)) continue;
            RefineFrom(weight, x, y, i * Vector<float>.Count, Vector<float>.Count, least);
        }
        int whole = vectors.Length * Vector<float>.Count;
        RefineFrom(weight, x, y, whole, y.Length - whole, least);
    }

    static void RefineFrom(in FineWeight weight, ReadOnlySpan<float> x, Span<float> y, int start, int count, float least)
    {
        for (int output = start; output < start + count; output++)
            if (y[output] >= least) y[output] = (float)weight.Dot(output, x);
    }

    /// <summary>How far below the greatest result another one may lie that exceeds it without rounding. The errors of inputs, and of weights, are
    /// those of the greatest result's row.</summary>
    static double Margin(in FineWeight weight, ReadOnlySpan<float> x, int output)
    {
        double greatest = 0, squares = 0;
        foreach (float value in x)
        {
            greatest = Math.Max(greatest, Math.Abs(value));
            squares += (double)value * value;
        }
        double inputStep = greatest / PackedInputs.Limit(weight.PaddedInputs);
        var (weightSquares, stepSquare) = weight.Squares(output);
        double variance = StepVariance * (inputStep * inputStep * weightSquares + stepSquare * squares);
        return Deviations * Math.Sqrt(2 * variance);
    }

    struct Job
    {
        public FineWeight Weight;
        public float* X, Y;
        public int Rows, Outputs, Parts;
    }

    /// <summary>The numbers of a packed weight with their remainders.</summary>
    readonly struct FineWeight(PackedWeight weight)
    {
        const int Units = PackedWeight.RemainderUnits;

        readonly byte* _data = weight.Data.HostPointer<byte>();
        readonly sbyte* _remainders = weight.Remainders.HostPointer<sbyte>();
        readonly float* _rowScales = weight.Form == WeightForm.Int8 ? weight.Scales.HostPointer<float>() : null;
        readonly ushort* _blockScales = weight.Form == WeightForm.Int4 ? weight.Scales.HostPointer<ushort>() : null;
        readonly int _groupBytes = weight.Data.Shape.D1, _groupScales = weight.Scales.Shape.D1, _zero = PackedWeight.Zero(weight.Form);

        public readonly int Inputs = weight.Inputs, PaddedInputs = PackedWeight.PaddedInputs(weight.Form, weight.Inputs);

        bool IsInt8 => _rowScales != null;

        /// <summary>x · row, along blocks of inputs that share a scale.</summary>
        public double Dot(int output, ReadOnlySpan<float> x)
        {
            double sum = 0;
            double* chains = stackalloc double[4];
            for (int start = 0; start < Inputs; start += BlockInputs)
            {
                int end = Math.Min(start + BlockInputs, Inputs);
                (chains[0], chains[1], chains[2], chains[3]) = (0, 0, 0, 0);
                for (int i = start; i < end; i++) chains[i % 4] += (double)x[i] * Number(output, i);
                sum += ((chains[0] + chains[1]) + (chains[2] + chains[3])) * (Scale(output, start) / Units);
            }
            return sum;
        }

        /// <summary>Σ w² of a row, and the mean square of its scales.</summary>
        public (double Weights, double Step) Squares(int output)
        {
            double weights = 0, steps = 0;
            for (int start = 0; start < Inputs; start += BlockInputs)
            {
                double scale = Scale(output, start), sum = 0;
                int end = Math.Min(start + BlockInputs, Inputs);
                for (int i = start; i < end; i++) sum += (double)Number(output, i) * Number(output, i);
                weights += sum * (scale / Units) * (scale / Units);
                steps += (end - start) * scale * scale;
            }
            return (weights, steps / Inputs);
        }

        int BlockInputs => IsInt8 ? Inputs : PackedWeight.BlockInputs;

        double Scale(int output, int input) => IsInt8 ? _rowScales[output]
            : WeightPacker.FromBF16(
                _blockScales[Group(output) * (long)_groupScales + input / PackedWeight.BlockInputs * PackedWeight.GroupOutputs + Lane(output)]);

        /// <summary>Number and remainder in units of the remainder.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        int Number(int output, int input)
        {
            // A step of a lane is four bytes: four inputs, or eight half ones, the first four in the lower halves.
            byte* step = _data + Group(output) * (long)_groupBytes + 4 * ((IsInt8 ? input / 4 : input / 8) * (long)PackedWeight.GroupOutputs + Lane(output));
            int packed = IsInt8 ? step[input % 4] : step[input % 4] >> (input % 8 / 4 * 4) & 15;
            return (packed - _zero) * Units + _remainders[output * (long)Inputs + input];
        }

        static int Group(int output) => output / PackedWeight.GroupOutputs;

        static int Lane(int output) => output % PackedWeight.GroupOutputs;
    }
}
