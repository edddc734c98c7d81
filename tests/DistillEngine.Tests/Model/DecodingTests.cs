using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

public class DecodingTests
{
    const int MaxNewTokens = 9;
    const int Unreachable = TinyModels.Vocabulary - 1;

    // Roundings of one pass against another that sums in the same order but for the attention's blocks.
    const double Relative = 2e-5;

    public static TheoryData<string> Names => TinyModels.Names;

    [Theory, MemberData(nameof(Names))]
    public void DecodeStep_TokenByToken_GivesTheStatesOfTheWholeForward(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend, training: false);
        using var cache = new KvCache(model.Config, TinyModels.Limits.MaxSequences, TinyModels.Limits.MaxTargetLength,
            TinyModels.Limits.MaxSourceTokens, backend);
        Batch batch = TinyModels.Ragged();
        model.Forward(batch, DropoutSettings.Off);
        float[] whole = TinyModels.Read(model.DecoderOutput);
        int width = model.Config.DModel, longest = Enumerable.Range(0, batch.SequenceCount).Max(s => Length(batch, s));
        model.Encode(batch, DropoutSettings.Off);
        model.BeginDecoding(cache);
        for (int position = 0; position < longest; position++)
        {
            // Shorter sequences leave, so that the rows of a step are not those of the batch.
            int[] active = [.. Enumerable.Range(0, batch.SequenceCount).Where(s => position < Length(batch, s))];
            int[] tokens = [.. active.Select(s => batch.TargetInputIds[batch.TargetStarts[s] + position])];
            float[] states = TinyModels.Read(model.DecodeStep(batch, tokens, active, position, cache));
            for (int i = 0; i < active.Length; i++)
                for (int d = 0; d < width; d++)
                    Assert.Equal(whole[(batch.TargetStarts[active[i]] + position) * width + d], states[i * width + d], Relative * 4);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Generate_ChoosesWhatTheWholeForwardRanksHighest(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend, training: false);
        Batch batch = TinyModels.Ragged();
        int[][] generated = Generate(model, batch, new() { MaxNewTokens = MaxNewTokens });
        var forced = new Batch(TinyModels.Limits);
        for (int s = 0; s < batch.SequenceCount; s++)
            forced.Add(batch.SourceIds.AsSpan(batch.SourceStarts[s]..batch.SourceStarts[s + 1]), generated[s].AsSpan(1), TaskKind.Label, 1, s);
        model.Forward(forced, DropoutSettings.Off);
        using DeviceBuffer buffer = backend.Allocate(sizeof(float) * (long)forced.TargetTokenCount * TinyModels.Vocabulary, "logits");
        var logits = new Tensor(buffer, 0, new(forced.TargetTokenCount, TinyModels.Vocabulary), DType.F32, "logits");
        model.UnscaledLogits(model.DecoderOutput, logits);
        float[][] rows = [.. TinyModels.Read(logits).Chunk(TinyModels.Vocabulary)];
        for (int row = 0; row < forced.TargetTokenCount; row++)
            Assert.True(rows[row].Max() - rows[row][forced.Labels[row]] < Relative * (1 + rows[row].Max()), $"row {row}");
    }

    [Theory, MemberData(nameof(Names))]
    public void Generate_WhenASequenceEnds_LeavesTheOthersAsTheyWere(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model unending = TinyModels.Create(TinyModels.Config(name) with { EosId = Unreachable }, backend, training: false);
        Batch batch = TinyModels.Ragged();
        var options = new GenerationOptions { MaxNewTokens = MaxNewTokens, RepetitionPenalty = 3, VocabularySize = Unreachable };
        int[][] endless = Generate(unending, batch, options);
        // A token of the first sequence's middle ends it, and whatever else chooses that token.
        int end = endless[0][3];
        using T5Model model = TinyModels.Create(TinyModels.Config(name) with { EosId = end }, backend, training: false);
        int[][] ended = Generate(model, batch, options);
        for (int s = 0; s < ended.Length; s++)
        {
            int last = Array.IndexOf(endless[s], end, 1);
            Assert.Equal(last < 0 ? endless[s] : endless[s][..(last + 1)], ended[s]);
        }
        Assert.InRange(ended[0].Length, 2, MaxNewTokens);
        for (int s = 0; s < ended.Length; s++) Assert.Equal(ended[s], Generate(model, TinyModels.Alone(batch, s), options)[0]);
    }

    [Fact]
    public void Generate_BehindTheEnd_WritesPadding()
    {
        using var backend = CpuBackend.Open(1);
        using T5Model unending = TinyModels.Create(TinyModels.Version11, backend, training: false);
        Batch batch = TinyModels.Ragged();
        int end = Generate(unending, batch, new() { MaxNewTokens = 3 })[1][1];
        using T5Model model = TinyModels.Create(TinyModels.Config(TinyModels.Version11) with { EosId = end, PadId = 7, DecoderStartId = 0 }, backend,
            training: false);
        using var generator = new GreedyGenerator(model, MaxNewTokens);
        int[] ids = new int[batch.SequenceCount * (1 + MaxNewTokens)], lengths = new int[batch.SequenceCount];
        generator.Generate(batch, new() { MaxNewTokens = MaxNewTokens }, ids, lengths);
        Assert.Equal(2, lengths[1]);
        Assert.Equal([0, end, .. Enumerable.Repeat(7, MaxNewTokens - 1)], ids[(1 + MaxNewTokens)..(2 * (1 + MaxNewTokens))]);
    }

    [Fact]
    public void Generate_WithALimitedVocabulary_NeverChoosesBeyondIt()
    {
        const int Limit = 5;
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(TinyModels.Version10, backend, training: false);
        int[][] ids = Generate(model, TinyModels.Ragged(), new() { MaxNewTokens = MaxNewTokens, VocabularySize = Limit });
        Assert.All(ids, sequence => Assert.All(sequence, id => Assert.InRange(id, 0, Limit - 1)));
        Assert.Contains(Generate(model, TinyModels.Ragged(), new() { MaxNewTokens = MaxNewTokens }), sequence => sequence.Max() >= Limit);
    }

    [Fact]
    public void Generate_WaitsForTheDeviceOnceAToken()
    {
        using var backend = new CountingBackend(CpuBackend.Open(1));
        using T5Model model = TinyModels.Create(TinyModels.Version11, backend, training: false);
        using var generator = new GreedyGenerator(model, MaxNewTokens);
        Batch batch = TinyModels.Ragged();
        int[] ids = new int[batch.SequenceCount * (1 + MaxNewTokens)], lengths = new int[batch.SequenceCount];
        backend.Waits = 0;
        generator.Generate(batch, new() { MaxNewTokens = MaxNewTokens, MinNewTokens = MaxNewTokens, RepetitionPenalty = 2 }, ids, lengths);
        Assert.Equal(MaxNewTokens, backend.Waits);
    }

    [Theory]
    [InlineData(TinyModels.Version10)]
    [InlineData(TinyModels.Version11)]
    public void Generate_WithABf16Cache_TakesHalfOfTheMemoryAndGivesASequenceTheSameIdsAlone(string name)
    {
        using var backend = new CountingBackend(CpuBackend.Open(2));
        using T5Model model = TinyModels.Create(name, backend, training: false);
        var options = new GenerationOptions { MaxNewTokens = MaxNewTokens, CacheType = DType.BF16 };
        using (new GreedyGenerator(model, MaxNewTokens)) { }
        long whole = backend.Allocated["key and value cache"];
        using (new GreedyGenerator(model, MaxNewTokens, DType.BF16)) { }
        Assert.Equal(whole / 2, backend.Allocated["key and value cache"] - whole);
        Batch batch = TinyModels.Ragged();
        int[][] together = Generate(model, batch, options);
        for (int s = 0; s < together.Length; s++) Assert.Equal(together[s], Generate(model, TinyModels.Alone(batch, s), options)[0]);
    }

    [Fact]
    public void Generate_OfATrainedModelWithABf16Cache_AgreesWithFloat32()
    {
        using var backend = CpuBackend.Open(2);
        using T5Model model = Echo.Train(backend);
        var (equal, count) = (0, 0);
        foreach (Batch batch in Echo.Unseen())
        {
            int[][] expected = Generate(model, batch, new() { MaxNewTokens = Echo.Length });
            int[][] got = Generate(model, batch, new() { MaxNewTokens = Echo.Length, CacheType = DType.BF16 });
            for (int s = 0; s < expected.Length; s++)
            {
                count += expected[s].Length;
                equal += expected[s].Zip(got[s]).Count(pair => pair.First == pair.Second);
            }
        }
        Assert.True(equal >= 0.99 * count, $"{equal} of {count} tokens agree");
    }

    [Fact]
    public void Generate_WhenCancelled_StopsBeforeTheNextToken()
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(TinyModels.Version11, backend, training: false);
        using var generator = new GreedyGenerator(model, 4);
        int[] ids = new int[100], lengths = new int[3];
        Assert.Throws<OperationCanceledException>(() =>
            generator.Generate(TinyModels.Ragged(), new() { MaxNewTokens = 4 }, ids, lengths, new CancellationToken(canceled: true)));
        Assert.All(lengths, length => Assert.Equal(1, length));
    }

    [Fact]
    public void Generate_BeyondWhatItWasBuiltFor_Throws()
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(TinyModels.Version11, backend, training: false);
        using var generator = new GreedyGenerator(model, 4);
        Batch batch = TinyModels.Ragged();
        int[] ids = new int[100], lengths = new int[3];
        Assert.Throws<ArgumentException>(() => generator.Generate(batch, new() { MaxNewTokens = 5 }, ids, lengths));
        Assert.Throws<ArgumentException>(() => generator.Generate(batch, new() { MaxNewTokens = 4, CacheType = DType.BF16 }, ids, lengths));
        Assert.Throws<ArgumentException>(() => generator.Generate(batch, new() { MaxNewTokens = 4 }, ids.AsSpan(0, 3), lengths));
    }

    static int[][] Generate(T5Model model, Batch batch, GenerationOptions options)
    {
        using var generator = new GreedyGenerator(model, options.MaxNewTokens, options.CacheType);
        int stride = 1 + options.MaxNewTokens;
        int[] ids = new int[batch.SequenceCount * stride], lengths = new int[batch.SequenceCount];
        generator.Generate(batch, options, ids, lengths);
        return [.. lengths.Select((length, s) => ids[(s * stride)..(s * stride + length)])];
    }

    static int Length(Batch batch, int sequence) => batch.TargetStarts[sequence + 1] - batch.TargetStarts[sequence];
}
