using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

public class PackedModelTests
{
    public static TheoryData<string, WeightForm> Cases =>
        [.. from name in (string[])[TinyModels.Version10, TinyModels.Version11] from form in Enum.GetValues<WeightForm>() select (name, form)];

    [Theory, MemberData(nameof(Cases))]
    public void Measure_EqualsWhatIsAllocated(string name, WeightForm form)
    {
        using var backend = new CountingBackend(CpuBackend.Open(1));
        SkipWithout(backend, form);
        MemoryNeeds needs = T5Model.Measure(TinyModels.Config(name), TinyModels.Limits, training: false, form);
        using var model = new T5Model(TinyModels.Config(name), TinyModels.Limits, backend, training: false, form);
        Assert.Equal(backend.Allocated.Values.Sum(), needs.Total);
        Assert.Equal(backend.Allocated["parameters"] + backend.Allocated.GetValueOrDefault("packed parameters"), needs.Parameters);
    }

    /// <summary>Of 4 bytes a weight: 2, about 1 and about a half in the maps; the embedding and the feed-forward's second map take 2, and the
    /// remainders of the vocabulary's map one more.</summary>
    [Theory]
    [InlineData("v1.1-small", 0.51, 0.39, 0.33)]
    [InlineData("v1.1-base", 0.51, 0.38, 0.3)]
    public void Measure_OfLowForms_LeavesNoFloat32Behind(string preset, double bf16, double int8, double int4)
    {
        long Parameters(WeightForm form) => T5Model.Measure(T5Presets.Find(preset)!, BatchLimits.Full(1, 1, 1), training: false, form).Parameters;
        double whole = Parameters(WeightForm.F32);
        Assert.InRange(Parameters(WeightForm.BF16) / whole, 0.5, bf16);
        Assert.InRange(Parameters(WeightForm.Int8) / whole, 0.25, int8);
        Assert.InRange(Parameters(WeightForm.Int4) / whole, 0.14, int4);
    }

    /// <summary>v1.1-small: 8 layers of 384 · 512 · 6 in attentions, 1,024 · 512 · 2 before and 512 · 1,024 after the gate; a head of 32,128 · 512.</summary>
    [Fact]
    public void BytesPerToken_CountsWhatATokenReads()
    {
        const long Attention = 8 * 6 * 384 * 512, Gate = 8 * 2 * 1024 * 512, After = 8 * 512 * 1024, Head = 32_128 * 512;
        const long Scales = sizeof(float) * (8L * (4 * 384 + 2 * 512 + 2 * 1024) + 32_128);
        T5Config config = T5Presets.Find("v1.1-small")!;
        Assert.Equal(4 * (Attention + Gate + After + Head), T5Model.BytesPerToken(config, WeightForm.F32));
        Assert.Equal(2 * (Attention + Gate + After + Head), T5Model.BytesPerToken(config, WeightForm.BF16));
        Assert.Equal(Attention + Gate + Head + 2 * After + Scales, T5Model.BytesPerToken(config, WeightForm.Int8));
    }

    [Theory, MemberData(nameof(Cases))]
    public void Generate_InAnyForm_GivesASequenceTheSameIdsAloneAndAmongOthers(string name, WeightForm form)
    {
        using var backend = CpuBackend.Open(2);
        SkipWithout(backend, form);
        using var model = new T5Model(TinyModels.Config(name), TinyModels.Limits, backend, training: false, form);
        model.Initialize(5);
        Batch batch = TinyModels.Ragged();
        int[][] together = Generate(model, batch);
        for (int s = 0; s < batch.SequenceCount; s++) Assert.Equal(together[s], Generate(model, TinyModels.Alone(batch, s))[0]);
    }

    [Fact]
    public void Generate_OfATrainedModel_AgreesWithFloat32()
    {
        using var backend = CpuBackend.Open(2);
        using T5Model trained = Echo.Train(backend);
        WeightForm whole = T5Model.FormForGeneration(backend, WeightForm.F32);
        foreach (var (form, share) in new[] { (whole, 0.99), (WeightForm.BF16, 0.99), (WeightForm.Int8, 0.99), (WeightForm.Int4, 0.9) })
        {
            using var model = new T5Model(trained.Config, trained.Limits, backend, training: false, form);
            for (int i = 0; i < trained.Parameters.Specs.Count; i++)
            {
                float[] values = TinyModels.Read(trained.Parameters.Value(new(i)));
                model.Parameters.Write(new(i), (start, destination) => values.AsSpan((int)start, destination.Length).CopyTo(destination));
            }
            var (equal, right, count) = Compare(trained, model);
            // A model that has learnt nothing would agree, or not, by accident.
            Assert.True(right >= 0.9 * count, $"{right} of {count} tokens are right");
            Assert.True(equal >= share * count, $"{form}: {equal} of {count} tokens agree");
        }
    }

    [Fact]
    public void FormForGeneration_IsPackedOnlyWhereProductsReadIt()
    {
        using var scalar = new CpuBackend(CpuIsa.Scalar, 1);
        using var chosen = CpuBackend.Open(1);
        Assert.Equal(WeightForm.F32, T5Model.FormForGeneration(scalar, WeightForm.F32));
        Assert.Equal(chosen.Kernels.MatMul.Supports(WeightForm.PackedF32) ? WeightForm.PackedF32 : WeightForm.F32,
            T5Model.FormForGeneration(chosen, WeightForm.F32));
        Assert.Equal(WeightForm.Int8, T5Model.FormForGeneration(chosen, WeightForm.Int8));
    }

    /// <summary>A table that is both looked up and multiplied stays as rows; everything else that products read is packed, once.</summary>
    [Theory]
    [InlineData("v1.1-small")]
    [InlineData("v1.0-small")]
    public void Measure_OfPackedFloat32_HoldsNothingTwice(string preset)
    {
        long Parameters(WeightForm form) => T5Model.Measure(T5Presets.Find(preset)!, BatchLimits.Full(1, 1, 1), training: false, form).Parameters;
        Assert.InRange(Parameters(WeightForm.PackedF32) / (double)Parameters(WeightForm.F32), 1, 1.001);
    }

    static void SkipWithout(IBackend backend, WeightForm form)
    {
        if (!backend.Kernels.MatMul.Supports(form)) Assert.Skip($"{backend.Name} has no products with {form.Name()} weights.");
    }

    static (int Equal, int Right, int Count) Compare(T5Model exact, T5Model low)
    {
        var (equal, right, count) = (0, 0, 0);
        foreach (Batch batch in Echo.Unseen())
        {
            int[][] expected = Generate(exact, batch, Echo.Length), got = Generate(low, batch, Echo.Length);
            for (int s = 0; s < batch.SequenceCount; s++)
                for (int i = 1; i < expected[s].Length; i++, count++)
                {
                    if (i < got[s].Length && expected[s][i] == got[s][i]) equal++;
                    if (expected[s][i] == Echo.Label(batch, s)[i - 1]) right++;
                }
        }
        return (equal, right, count);
    }

    [Fact]
    public void Open_ForTrainingInALowForm_Throws()
    {
        using var backend = CpuBackend.Open(1);
        var e = Assert.Throws<ArgumentException>(() =>
            new T5Model(TinyModels.Config(TinyModels.Version11), TinyModels.Limits, backend, training: true, WeightForm.Int8));
        Assert.Contains("int8 cannot be trained", e.Message);
    }

    [Fact]
    public void Open_OnADeviceWithoutSuchProducts_SaysSo()
    {
        using var backend = new FloatBackend(CpuBackend.Open(1));
        var e = Assert.Throws<ArgumentException>(() =>
            new T5Model(TinyModels.Config(TinyModels.Version11), TinyModels.Limits, backend, training: false, WeightForm.BF16));
        Assert.Contains("float device has no products with bf16 weights", e.Message);
    }

    [Fact]
    public void Forward_OfTheLossInALowForm_NamesTheHead()
    {
        using var backend = CpuBackend.Open(1);
        using var model = new T5Model(TinyModels.Config(TinyModels.Version11), TinyModels.Limits, backend, training: false, WeightForm.Int4);
        var e = Assert.Throws<InvalidOperationException>(() => model.Forward(TinyModels.Ragged(), DropoutSettings.Off));
        Assert.Contains("'lm_head.weight' is held as int4 alone", e.Message);
    }

    static int[][] Generate(T5Model model, Batch batch, int maxNewTokens = 9)
    {
        var options = new GenerationOptions { MaxNewTokens = maxNewTokens };
        using var generator = new GreedyGenerator(model, options.MaxNewTokens);
        int stride = 1 + options.MaxNewTokens;
        int[] ids = new int[batch.SequenceCount * stride], lengths = new int[batch.SequenceCount];
        generator.Generate(batch, options, ids, lengths);
        return [.. lengths.Select((length, s) => ids[(s * stride)..(s * stride + length)])];
    }

    /// <summary>A device whose products take float32 weights alone.</summary>
    sealed class FloatBackend(IBackend inner) : IBackend
    {
        public string Name => "float device";

        public KernelSet Kernels { get; } = inner.Kernels with { MatMul = new FloatMatMul() };

        public DeviceBuffer Allocate(long byteLength, string purpose) => inner.Allocate(byteLength, purpose);

        public void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged => inner.Upload(host, destination);

        public void Download<T>(Tensor source, Span<T> host) where T : unmanaged => inner.Download(source, host);

        public void BeginDownload(Tensor source, Tensor host) => inner.BeginDownload(source, host);

        public void Fill(Tensor destination, float value) => inner.Fill(destination, value);

        public void Synchronize() => inner.Synchronize();

        public void Dispose() => inner.Dispose();
    }

    sealed class FloatMatMul : MatMul
    {
        protected override void ForwardCore(Tensor x, Weight w, Into into, Tensor y) => throw new NotSupportedException();

        protected override void BackwardInputCore(Tensor dy, Weight w, Into into, Tensor dx) => throw new NotSupportedException();

        protected override void BackwardWeightCore(Tensor dy, Tensor x, Into into, Tensor dWeight) => throw new NotSupportedException();
    }
}
