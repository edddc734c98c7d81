using System.Runtime.CompilerServices;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>Numbers of a step on one parameter.</summary>
struct AdafactorNumbers
{
    public long Count;
    public double Beta2, OneMinusBeta2, LeastMean, Rate, LeastScale, ClipThreshold;

    /// <summary>The share of the parameter that decays: this part of the scaled rate, and a constant.</summary>
    public double DecayOfRate, Decay;
    public int Rows, Width, Blocks;

    /// <summary>Of the sums of a block.</summary>
    public int Parts;

    /// <summary>1 or 0, as device code takes no bool in a structure. Separable: the estimate's root is a row factor times a column
    /// factor.</summary>
    public int Factored, Separable, NeedsValueRms, HasMoment;
    public float Clip, Added, Floor, Beta1, OneMinusBeta1;
}

/// <summary>Device code of <see cref="AdafactorGpu"/>. The sums it shares: mean of the row means, rate and decay, then per block the squares
/// of the values and of the updates.</summary>
static class AdafactorDevice
{
    /// <summary>Rows of a block: as many sums as a thread keeps in registers.</summary>
    public const int BlockRows = 16;

    /// <summary>Where the blocks' sums begin.</summary>
    public const int FirstSum = 3;

    const int Mean = 0, ScaledRate = 1, ScaledDecay = 2;

    /// <summary>One group a block of rows, its threads striding over the columns: updates the row means and leaves the block's column sums
    /// in <paramref name="partials"/>.</summary>
    /// <remarks>Columns are gone through part by part: the sums' parts, as of <see cref="GroupSums{TLanes}"/>, then have the same bits whatever
    /// the group's size.</remarks>
    public static void ObserveFactored<TLanes>(ArrayView<float> gradient, ArrayView<float> norm, ArrayView<float> value, ArrayView<float> rowMeans,
        ArrayView<float> partials, ArrayView<double> sums, AdafactorNumbers n) where TLanes : struct, ILanes
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(BlockRows * GroupSums.MaxThreads);
        ArrayView<double> sharedValue = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        var rowSums = LocalMemory.Allocate1D<float>(BlockRows);
        float clip = GradientNormGpu.Clip(norm, n.Clip);
        int block = Grid.IdxX, first = block * BlockRows;
        for (int part = Group.IdxX; part < n.Parts; part += Group.DimX)
        {
            double valueSum = 0;
            for (int r = 0; r < BlockRows; r++) rowSums[r] = 0;
            for (int column = part; column < n.Width; column += n.Parts)
            {
                float columnSum = 0, columnValue = 0;
                for (int r = 0; r < BlockRows; r++)
                {
                    if (first + r < n.Rows)
                    {
                        long at = (long)(first + r) * n.Width + column;
                        float g = gradient[at] * clip, square = g * g + n.Added;
                        columnSum += square;
                        rowSums[r] += square;
                        if (n.NeedsValueRms != 0) columnValue += value[at] * value[at];
                    }
                }
                partials[(long)block * n.Width + column] = columnSum;
                valueSum += columnValue;
            }
            GroupSums<TLanes>.PostEach(part, rowSums, BlockRows, shared);
            GroupSums<TLanes>.Post(part, valueSum, sharedValue);
        }
        GroupSums<TLanes>.TotalEach(n.Parts, BlockRows, shared);
        for (int start = 0; start < BlockRows; start += Group.DimX)
        {
            int r = start + Group.IdxX;
            if (r < BlockRows && first + r < n.Rows)
                rowMeans[first + r] = (float)(n.Beta2 * rowMeans[first + r] + n.OneMinusBeta2 * ((double)shared[r * GroupSums.MaxThreads] / n.Width));
        }
        double total = GroupSums<TLanes>.Total(n.Parts, sharedValue);
        if (Group.IdxX == 0) sums[FirstSum + block] = total;
    }

    /// <summary>One thread a column.</summary>
    public static void ObserveColumns(ArrayView<float> partials, ArrayView<float> columnMeans, AdafactorNumbers n)
    {
        int column = Grid.IdxX * Group.DimX + Group.IdxX;
        if (column >= n.Width) return;
        double sum = 0;
        for (int block = 0; block < n.Blocks; block++) sum += partials[(long)block * n.Width + column];
        float mean = (float)(n.Beta2 * columnMeans[column] + n.OneMinusBeta2 * (sum / n.Rows));
        columnMeans[column] = mean;
        if (n.Separable != 0) partials[column] = (float)(1 / Math.Sqrt(mean));
    }

    /// <summary>One group: the mean of the row means.</summary>
    public static void AverageRows<TLanes>(ArrayView<float> rowMeans, ArrayView<double> sums, AdafactorNumbers n) where TLanes : struct, ILanes
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        double sum = 0;
        for (int row = Group.IdxX; row < n.Rows; row += Group.DimX) sum += rowMeans[row];
        double mean = GroupSums<TLanes>.Sum(sum, shared) / n.Rows;
        if (Group.IdxX == 0) sums[Mean] = mean > n.LeastMean ? mean : n.LeastMean;
    }

    /// <summary>What a row contributes to its updates: 1/√(mean/mean of means), or that ratio itself.</summary>
    public static void RowTerms(ArrayView<float> rowMeans, ArrayView<double> sums, ArrayView<float> rowTerms, AdafactorNumbers n)
    {
        for (int row = Grid.IdxX * Group.DimX + Group.IdxX; row < n.Rows; row += Grid.DimX * Group.DimX)
        {
            double ratio = rowMeans[row] / sums[Mean];
            rowTerms[row] = (float)(n.Separable != 0 ? 1 / Math.Sqrt(ratio) : ratio);
        }
    }

    /// <summary>One group a block of rows of a factored parameter.</summary>
    public static void SumUpdates<TLanes>(
        ArrayView<float> gradient, ArrayView<float> norm, ArrayView<float> second, ArrayView<float> rowTerms, ArrayView<double> sums, AdafactorNumbers n)
        where TLanes : struct, ILanes
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        float clip = GradientNormGpu.Clip(norm, n.Clip);
        int first = Grid.IdxX * BlockRows;
        for (int part = Group.IdxX; part < n.Parts; part += Group.DimX)
        {
            double sum = 0;
            for (int column = part; column < n.Width; column += n.Parts)
            {
                float columnSum = 0, columnTerm = second[column];
                for (int r = 0; r < BlockRows; r++)
                {
                    if (first + r < n.Rows)
                    {
                        float update = Update(gradient[(long)(first + r) * n.Width + column] * clip, columnTerm, rowTerms[first + r], n);
                        columnSum += update * update;
                    }
                }
                sum += columnSum;
            }
            GroupSums<TLanes>.Post(part, sum, shared);
        }
        double total = GroupSums<TLanes>.Total(n.Parts, shared);
        if (Group.IdxX == 0) sums[FirstSum + n.Blocks + Grid.IdxX] = total;
    }

    /// <summary>One group a block of a parameter that is not factored: its squares, and the sums of its values and updates.</summary>
    public static void ObserveFull<TLanes>(
        ArrayView<float> gradient, ArrayView<float> norm, ArrayView<float> value, ArrayView<float> squares, ArrayView<double> sums, AdafactorNumbers n)
        where TLanes : struct, ILanes
    {
        ArrayView<double> sharedValue = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        ArrayView<double> sharedUpdate = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        float clip = GradientNormGpu.Clip(norm, n.Clip), beta2 = (float)n.Beta2, oneMinusBeta2 = (float)n.OneMinusBeta2;
        long start = (long)Grid.IdxX * BlockRows * n.Width, end = start + (long)BlockRows * n.Width;
        if (end > n.Count) end = n.Count;
        for (int part = Group.IdxX; part < n.Parts; part += Group.DimX)
        {
            float valueSum = 0, updateSum = 0;
            for (long i = start + part; i < end; i += n.Parts)
            {
                float g = gradient[i] * clip, square = oneMinusBeta2 * (g * g + n.Added) + squares[i] * beta2;
                squares[i] = square;
                float update = Update(g, square, 1, n);
                updateSum += update * update;
                valueSum += value[i] * value[i];
            }
            GroupSums<TLanes>.Post(part, (double)valueSum, sharedValue);
            GroupSums<TLanes>.Post(part, (double)updateSum, sharedUpdate);
        }
        double ofValues = GroupSums<TLanes>.Total(n.Parts, sharedValue), ofUpdates = GroupSums<TLanes>.Total(n.Parts, sharedUpdate);
        if (Group.IdxX != 0) return;
        sums[FirstSum + Grid.IdxX] = ofValues;
        sums[FirstSum + n.Blocks + Grid.IdxX] = ofUpdates;
    }

    /// <summary>One group: the parameter's rate and decay from the blocks' sums.</summary>
    public static void Settle<TLanes>(ArrayView<double> sums, AdafactorNumbers n) where TLanes : struct, ILanes
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        double valueSum = 0, updateSum = 0;
        for (int block = Group.IdxX; block < n.Blocks; block += Group.DimX)
        {
            if (n.NeedsValueRms != 0) valueSum += sums[FirstSum + block];
            if (n.ClipThreshold > 0) updateSum += sums[FirstSum + n.Blocks + block];
        }
        valueSum = GroupSums<TLanes>.Sum(valueSum, shared);
        updateSum = GroupSums<TLanes>.Sum(updateSum, shared);
        if (Group.IdxX != 0) return;
        double scale = Math.Sqrt(valueSum / n.Count), rate = n.Rate;
        if (n.NeedsValueRms != 0) rate *= scale > n.LeastScale ? scale : n.LeastScale;
        double excess = n.ClipThreshold > 0 ? Math.Sqrt(updateSum / n.Count) / n.ClipThreshold : 1;
        sums[ScaledRate] = excess > 1 ? rate / excess : rate;
        sums[ScaledDecay] = n.DecayOfRate * rate + n.Decay;
    }

    /// <summary>One group a row: value −= decay · value + rate · update, the latter through the first moment where there is one.</summary>
    public static void Apply(ArrayView<float> gradient, ArrayView<float> norm, ArrayView<float> second, ArrayView<float> rowTerms, ArrayView<double> sums,
        ArrayView<float> value, ArrayView<float> moment, AdafactorNumbers n)
    {
        float clip = GradientNormGpu.Clip(norm, n.Clip), rate = (float)sums[ScaledRate], decay = (float)sums[ScaledDecay];
        float rowTerm = n.Factored != 0 ? rowTerms[Grid.IdxX] : 1;
        long start = (long)Grid.IdxX * n.Width, length = n.Count - start;
        if (length > n.Width) length = n.Width;
        for (int column = Group.IdxX; column < length; column += Group.DimX)
        {
            long i = start + column;
            float term = n.Factored != 0 ? second[column] : second[i];
            float delta = Update(gradient[i] * clip, term, rowTerm, n) * rate;
            if (n.HasMoment != 0)
            {
                delta = n.OneMinusBeta1 * delta + moment[i] * n.Beta1;
                moment[i] = delta;
            }
            value[i] = value[i] - value[i] * decay - delta;
        }
    }

    // The row comes first: of a row without gradients the factor is huge, and only its product with the gradient is sure to be finite.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float Update(float gradient, float second, float row, AdafactorNumbers n)
    {
        if (n.Separable != 0) return gradient * row * second;
        float estimate = row * second;
        return gradient / MathF.Sqrt(estimate > n.Floor ? estimate : n.Floor);
    }
}
