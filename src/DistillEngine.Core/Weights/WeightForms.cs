namespace DistillEngine.Core;

/// <summary>Names of the weight forms, and which parameters take which.</summary>
public static class WeightForms
{
    /// <summary>Lower-case names in the order of <see cref="WeightForm"/>, as options spell them.</summary>
    public static IReadOnlyList<string> Names { get; } = ["f32", "bf16", "int8", "int4", "packed-f32"];

    /// <summary>The forms between which a user chooses.</summary>
    public static IReadOnlyList<WeightForm> Choices { get; } = [WeightForm.F32, WeightForm.BF16, WeightForm.Int8, WeightForm.Int4];

    public static string Name(this WeightForm form) => Names[(int)form];

    /// <summary>The form in which products read a parameter of a model opened in <paramref name="form"/>; null where no product does.</summary>
    /// <remarks>
    /// The second map of T5's feed-forward keeps bfloat16: its inputs hold the model's greatest outliers, which is why the reference
    /// keeps it in float32 where the rest is float16 or int8 (Hugging Face, _keep_in_fp32_modules = ["wo"]).
    /// </remarks>
    public static WeightForm? OfProducts(ParameterUse use, WeightForm form) => use switch
    {
        // The rows are needed as they are, and one copy is enough.
        ParameterUse.RowsAndLinear when form == WeightForm.PackedF32 => WeightForm.F32,
        ParameterUse.Linear or ParameterUse.RowsAndLinear or ParameterUse.VocabularyLinear => form,
        ParameterUse.SensitiveLinear => form is WeightForm.F32 or WeightForm.PackedF32 ? form : WeightForm.BF16,
        _ => null,
    };

    /// <summary>Whether a model opened in <paramref name="form"/> keeps the float32 values of a parameter.</summary>
    public static bool KeepsFloats(ParameterUse use, WeightForm form) => use == ParameterUse.Direct || form switch
    {
        WeightForm.F32 => true,
        WeightForm.PackedF32 => use is ParameterUse.Rows or ParameterUse.RowsAndLinear,
        _ => false,
    };

    /// <summary>Whether a model opened in <paramref name="form"/> keeps a parameter as bfloat16 rows, to be looked up.</summary>
    public static bool KeepsRows(ParameterUse use, WeightForm form) =>
        !KeepsFloats(use, form) && use is (ParameterUse.Rows or ParameterUse.RowsAndLinear);

    /// <summary>Whether a model opened in <paramref name="form"/> keeps the remainders of a parameter beside its packed numbers, so that the
    /// greatest results of a product can be computed anew.</summary>
    /// <remarks>Of all maps it is the vocabulary's whose rounding changes the most choices: what it gets wrong no later layer evens out.</remarks>
    public static bool KeepsRemainders(ParameterUse use, WeightForm form) =>
        form is WeightForm.Int8 or WeightForm.Int4 && use is (ParameterUse.RowsAndLinear or ParameterUse.VocabularyLinear);
}
