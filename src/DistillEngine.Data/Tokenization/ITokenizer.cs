namespace DistillEngine.Data.Tokenization;

/// <summary>Text to token ids and back, as the trainer and the predictor need it. Implementations are safe for concurrent use.</summary>
public interface ITokenizer
{
    /// <summary>Ids are 0 … VocabularySize − 1, sentinels included; a model's embedding may have more rows (T5 pads to 32,128).</summary>
    int VocabularySize { get; }

    /// <summary>Id that fills padding and starts every decoder input.</summary>
    int PadId { get; }

    /// <summary>Id of <c>&lt;/s&gt;</c>, which closes every source and target.</summary>
    int EosId { get; }

    /// <summary>Appends the ids of <paramref name="text"/> to <paramref name="ids"/>. No <c>&lt;/s&gt;</c> is added, and special tokens
    /// spelled in the text are ordinary text: only a task inserts them, by id.</summary>
    void Encode(ReadOnlySpan<char> text, List<int> ids);

    /// <summary>The text of the ids; padding and <c>&lt;/s&gt;</c> are left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or not below <see cref="VocabularySize"/>.</exception>
    string Decode(ReadOnlySpan<int> ids);
}
