using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Tests.Kernels;

/// <summary>Packs maps for op tests, as a model's parameters are packed.</summary>
sealed class PackedWeights : IDisposable
{
    readonly CpuBackend _store = new(CpuIsa.Scalar, 1);
    readonly List<IDisposable> _owned = [];

    /// <param name="values">float32 [outputs, inputs].</param>
    /// <param name="use"><see cref="ParameterUse.VocabularyLinear"/> keeps the remainders.</param>
    public Weight Pack(Tensor values, WeightForm form, ParameterUse use = ParameterUse.Linear)
    {
        var store = new ParameterStore([new(values.Name, values.Shape, Initializer.Normal, 1, use)], _store, training: false, form);
        _owned.Add(store);
        float[] source = values.HostSpan<float>().ToArray();
        store.Write(new(0), (start, destination) => source.AsSpan((int)start, destination.Length).CopyTo(destination));
        return store.Weight(new(0));
    }

    /// <summary>Every kind of emitted tiles of a form that can run here, also those that the choice for this processor passes over.</summary>
    public static PackedTiles[] Tiles(WeightForm form)
    {
        var formats = new List<PackedTileFormat>();
        if (EmittedCode.Machine.Packed(CpuIsa.Avx512Bf16, form) is { Outputs: PackedWeight.GroupOutputs }) formats.Add(PackedTileFormat.Avx512(form));
        if (form == WeightForm.BF16 && Processor.Obstacle(CpuIsa.Avx512) is null) formats.Add(PackedTileFormat.Avx512Widening);
        if (form is WeightForm.Int8 or WeightForm.Int4 && Processor.HasAvxVnni)
            formats.AddRange([PackedTileFormat.AvxVnni(form), PackedTileFormat.AvxVnniWide(form)]);
        if (Processor.Obstacle(CpuIsa.Avx2) is null) formats.AddRange([PackedTileFormat.Avx2(form), PackedTileFormat.Avx2Wide(form)]);
        return [.. formats.Select(format => PackedTiles.Create(format, wide: null, ExecutableMemory.Load)).OfType<PackedTiles>()];
    }

    public void Dispose()
    {
        foreach (IDisposable owned in _owned) owned.Dispose();
        _store.Dispose();
    }
}
