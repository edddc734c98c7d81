namespace DistillEngine.Core;

/// <summary>How a model reads a parameter, which decides the forms it may take.</summary>
public enum ParameterUse : byte
{
    /// <summary>Element by element, in float32: norms and position biases.</summary>
    Direct,

    /// <summary>The right operand of products.</summary>
    Linear,

    /// <summary>The right operand of products that suffers from few bits.</summary>
    SensitiveLinear,

    /// <summary>Rows looked up by id.</summary>
    Rows,

    /// <summary>Both an embedding and the vocabulary's map, as <see cref="VocabularyLinear"/>.</summary>
    RowsAndLinear,

    /// <summary>The vocabulary's map: the right operand of products whose greatest result is chosen.</summary>
    VocabularyLinear,
}
