using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Model;

/// <summary>
/// A T5 encoder-decoder on one device: one forward for training, evaluation and generation, and its backward. All memory is taken in
/// the constructor; a pass allocates nothing.
/// </summary>
/// <remarks>
/// Source: arXiv:1910.10683 and Hugging Face modeling_t5.T5ForConditionalGeneration, from which it deviates in this:
/// <list type="bullet">
/// <item>Padding does not exist: the rows of all sequences lie one behind the other, and attention takes each sequence's extent.</item>
/// <item>Dropout masks are functions of (seed, step, site, sequence, position), not of a generator's state.</item>
/// <item>The head and the loss are one op. The logits of a training batch exist together only where they take at most 256 MiB, which spares backward
/// computing them again.</item>
/// </list>
/// </remarks>
public sealed class T5Model : IDisposable
{
    readonly T5Network _network;
    readonly Arena _arena;
    readonly BatchOnDevice _batch;
    readonly Pass _pass;
    readonly Slot _encodedGradient, _decodedGradient, _nats, _logSumExp, _rowWeights, _lossScratch;
    readonly bool _keepsLogits;

    /// <param name="config">Validated here.</param>
    /// <param name="limits">The largest batch; decides the memory for activations.</param>
    /// <param name="training">Whether Backward will be called.</param>
    /// <param name="form">How matrices are held; low forms are for generation alone.</param>
    /// <param name="recompute">Whether backward computes the activations within sub-layers and the logits again: the same bits with less memory,
    /// for about a quarter more time. Only with <paramref name="training"/>.</param>
    /// <exception cref="ArgumentException">The configuration is impossible or beyond the device, a low form is to be trained or unknown to the
    /// device, or a model without backward is to recompute.</exception>
    /// <exception cref="InsufficientMemoryException">The device refuses the memory; none is kept.</exception>
    public T5Model(T5Config config, BatchLimits limits, IBackend backend, bool training, WeightForm form = WeightForm.F32, bool recompute = false)
    {
        config.Validate();
        if (!backend.Kernels.MatMul.Supports(form))
            throw new ArgumentException($"{backend.Name} has no products with {form.Name()} weights; "
                + "open the model with float32 weights or on the CPU.", nameof(form));
        if (recompute && !training)
            throw new ArgumentException("A model for inference has no backward that could compute activations again; leave recompute out.", nameof(recompute));
        if (config.DKv > backend.Kernels.Attention.MaxHeadWidth)
            throw new ArgumentException($"{backend.Name} has no attention over heads of width {config.DKv} (d_kv); "
                + $"at most {backend.Kernels.Attention.MaxHeadWidth} is expected. Open the model on the CPU.", nameof(config));
        var plan = new ModelPlan(config, limits, training, recompute);
        (Config, Limits, Backend, IsTraining, _keepsLogits) = (config, limits, backend, training, KeepsLogits(plan));
        _batch = new BatchOnDevice(plan, backend, backend.Kernels.Embedding.UsesOrder);
        _network = new T5Network(plan);
        (_encodedGradient, _decodedGradient, _nats, _logSumExp, _rowWeights, _lossScratch) = PlanLoss(plan);
        try
        {
            Parameters = new ParameterStore(plan.Parameters.Specs, backend, training, form);
            _arena = plan.Arena.Build(backend);
            _pass = new Pass(backend, Parameters, _arena);
            _network.EncoderBias.Upload(_pass, backend);
            _network.DecoderBias.Upload(_pass, backend);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public T5Config Config { get; }
    public BatchLimits Limits { get; }
    public IBackend Backend { get; }
    public bool IsTraining { get; }
    public ParameterStore Parameters { get; }

    public long ActivationBytes => _arena.ByteLength;

    /// <summary>float32 [target rows of the last Forward]: −log p(label), 0 where the label is ignored.</summary>
    public Tensor TokenNats => _pass[_nats, _pass.Target.Count];

    /// <summary>Memory a model will take, without taking it.</summary>
    public static MemoryNeeds Measure(T5Config config, BatchLimits limits, bool training, WeightForm form = WeightForm.F32, bool recompute = false)
    {
        config.Validate();
        var plan = new ModelPlan(config, limits, training, recompute);
        // The constructors only declare; a device is needed when values move.
        _ = new BatchOnDevice(plan, null!, ordersRows: false);
        _ = new T5Network(plan);
        _ = PlanLoss(plan);
        long parameters = ParameterStore.ByteLengthOf(plan.Parameters.Specs, form);
        return new MemoryNeeds(parameters, training ? parameters : 0, plan.Arena.ByteLength);
    }

    /// <summary>The form in which a model for generation alone is held where <paramref name="form"/> is chosen: float32 in the order in which products
    /// read it, where the device has such products.</summary>
    public static WeightForm FormForGeneration(IBackend backend, WeightForm form) =>
        form == WeightForm.F32 && backend.Kernels.MatMul.Supports(WeightForm.PackedF32) ? WeightForm.PackedF32 : form;

    /// <summary>Names and shapes of all parameters of a configuration, in checkpoint order.</summary>
    public static IReadOnlyList<ParameterSpec> Declare(T5Config config)
    {
        var plan = new ModelPlan(config, BatchLimits.Full(1, 1, 1), training: false);
        _ = new T5Network(plan);
        return plan.Parameters.Specs;
    }

    /// <summary>Draws all parameters as the reference initialises a model that is trained from scratch.</summary>
    /// <remarks>Source: Hugging Face modeling_t5.T5PreTrainedModel._init_weights. The numbers are ours: a function of seed and place.</remarks>
    public void Initialize(ulong seed) => ParameterInitializer.Fill(Parameters, Config.InitializerFactor, seed);

    /// <summary>Bytes of weights that decoding one token of every sequence reads, however many there are.</summary>
    public static long BytesPerToken(T5Config config, WeightForm form)
    {
        var plan = new ModelPlan(config, BatchLimits.Full(1, 1, 1), training: false);
        return new T5Network(plan).TokenMaps.Sum(id =>
        {
            ParameterSpec spec = plan.Parameters.Specs[id.Index];
            return WeightForms.OfProducts(spec.Use, form) is { } packed && packed != WeightForm.F32
                ? PackedWeight.ByteLengthOf(packed, spec.Shape.D0, spec.Shape.D1)
                : sizeof(float) * spec.Shape.Count;
        });
    }

    /// <summary>Encoder, decoder and the loss of every target token.</summary>
    /// <exception cref="ArgumentException">The dropout rate is not 0 … below 1.</exception>
    /// <exception cref="InvalidOperationException">The head is held in a low form: the loss needs float32.</exception>
    /// <param name="batch">Every sequence has at least one source and one target token; ids are below the vocabulary size.</param>
    public void Forward(Batch batch, DropoutSettings dropout)
    {
        Encode(batch, dropout);
        _pass.Cache = null;
        _pass.Target = _batch.UploadTarget(_pass, batch);
        Tensor decoded = _network.Decoder.Forward(_pass, _pass.Target);
        int rows = _pass.Target.Count;
        _pass.Kernels.LinearCrossEntropy.Forward(decoded, Head, Config.LogitScale, _batch.Labels(_pass), _pass[_logSumExp, rows], TokenNats,
            LossScratch(rows));
    }

    /// <summary>Adds d(Σ rowWeights · nats)/d(parameter) of the last Forward to all gradients.</summary>
    /// <param name="rowWeights">One number for each target row of the batch.</param>
    /// <exception cref="InvalidOperationException">The model was built without training.</exception>
    public void Backward(ReadOnlySpan<float> rowWeights)
    {
        if (!IsTraining) throw new InvalidOperationException("The model was built for inference; build it with training: true.");
        int rows = _pass.Target.Count;
        Check.That(rowWeights.Length == rows, "t5.backward", $"{rows} row weights, got {rowWeights.Length}");
        Tensor weights = _pass[_rowWeights, rows], dDecoded = _pass[_decodedGradient, rows], scratch = LossScratch(rows);
        Backend.Upload(rowWeights, weights);
        _pass.EncodedGradient = _pass[_encodedGradient, _pass.Source.Count];
        Backend.Fill(_pass.EncodedGradient, 0);
        _pass.Kernels.LinearCrossEntropy.Backward(DecoderOutput, Head, Config.LogitScale, _batch.Labels(_pass), weights, _pass[_logSumExp, rows],
            dDecoded, _pass.Gradient(_network.Head), scratch, holdsLogits: _keepsLogits && scratch.Shape.D1 == Config.VocabularySize);
        _network.Decoder.Backward(_pass, _pass.Target, dDecoded);
        _network.Encoder.Backward(_pass, _pass.Source, _pass.EncodedGradient);
    }

    /// <summary>float32 [source rows, dModel]: input of encoder block <paramref name="block"/> in the last Forward of a training model.</summary>
    public Tensor EncoderBlockInput(int block) => _network.Encoder.BlockInput(_pass, _pass.Source.Count, block);

    /// <summary>float32 [source rows, dModel]: after the encoder's final norm.</summary>
    public Tensor EncoderOutput => _pass.Encoded;

    /// <summary>float32 [target rows, dModel]: input of decoder block <paramref name="block"/> in the last Forward of a training model.</summary>
    public Tensor DecoderBlockInput(int block) => _network.Decoder.BlockInput(_pass, _pass.Target.Count, block);

    /// <summary>float32 [target rows, dModel]: after the decoder's final norm, before any scaling.</summary>
    public Tensor DecoderOutput => _network.Decoder.Output(_pass, _pass.Target.Count);

    /// <summary>logits = states · headᵀ, without <see cref="T5Config.LogitScale"/>, which changes no order. Where the
    /// head is held in int8 or int4, those that may be a row's greatest are computed with more bits.</summary>
    /// <param name="states">float32 [rows, dModel].</param>
    /// <param name="logits">float32 [rows, vocabulary]; overwritten.</param>
    public void UnscaledLogits(Tensor states, Tensor logits)
    {
        MatMul ops = _pass.Kernels.MatMul;
        ops.Forward(states, Head, Into.Overwrite, logits);
        if (Head.HasRemainders) ops.RefineGreatest(states, Head, logits);
    }

    public void Dispose()
    {
        _arena?.Dispose();
        Parameters?.Dispose();
    }

    /// <summary>The encoder alone; its output stays for decoding.</summary>
    internal void Encode(Batch batch, DropoutSettings dropout)
    {
        Check.DropoutRate(dropout.Rate, "t5.forward");
        (_pass.DropoutRate, _pass.Seed, _pass.Step) = (dropout.Rate, dropout.Seed, dropout.Step);
        _pass.Source = _batch.UploadSource(_pass, batch);
        _pass.Encoded = _network.Encoder.Forward(_pass, _pass.Source);
    }

    /// <summary>Prepares decoding token by token after <see cref="Encode"/>.</summary>
    internal void BeginDecoding(KvCache cache)
    {
        _pass.Cache = cache;
        foreach (CrossAttention cross in _network.CrossAttentions) cross.FillCache(_pass, cache);
    }

    /// <summary>Decodes one token of each active sequence.</summary>
    /// <returns>float32 [tokens, dModel]: after the final norm.</returns>
    internal Tensor DecodeStep(Batch batch, ReadOnlySpan<int> tokens, ReadOnlySpan<int> sequences, int position, KvCache cache)
    {
        _pass.Target = _batch.UploadStep(_pass, batch, tokens, sequences, position, cache);
        return _network.Decoder.Forward(_pass, _pass.Target);
    }

    Weight Head => Parameters.Weight(_network.Head);

    Tensor LossScratch(int rows) => _pass[_lossScratch, rows];

    /// <summary>Whether the loss's scratch lives until Backward; else the sub-layers' own may lie there.</summary>
    static bool KeepsLogits(ModelPlan plan) => plan.Training && !plan.Recompute;

    static (Slot, Slot, Slot, Slot, Slot, Slot) PlanLoss(ModelPlan plan)
    {
        var (arena, sources, targets) = (plan.Arena, plan.Limits.MaxSourceTokens, plan.Limits.MaxTargetTokens);
        Slot encodedGradient = plan.Training ? arena.Persistent("encoder.d_output", new(sources, plan.Config.DModel)) : default;
        Slot decodedGradient = plan.Training ? arena.Persistent("decoder.d_output", new(targets, plan.Config.DModel)) : default;
        Slot nats = arena.Persistent("loss.nats", new(targets));
        Slot logSumExp = arena.Persistent("loss.log_sum_exp", new(targets), DType.F64);
        Slot rowWeights = arena.Persistent("loss.row_weights", new(targets));
        int vocabulary = plan.Config.VocabularySize;
        arena.BeginScope();
        Slot scratch = KeepsLogits(plan)
            ? arena.Saved("loss.logits", LinearCrossEntropy.TrainingScratchShape(targets, vocabulary))
            : arena.Scratch("loss.scratch", LinearCrossEntropy.ScratchShape(targets, vocabulary));
        return (encodedGradient, decodedGradient, nats, logSumExp, rowWeights, scratch);
    }
}
