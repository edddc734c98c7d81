namespace DistillEngine.Data.Tokenization;

/// <summary>What a piece of a SentencePiece vocabulary is for; the numbers are those of <c>sentencepiece_model.proto</c>.</summary>
public enum PieceType
{
    /// <summary>Found by its score.</summary>
    Normal = 1,

    /// <summary>Stands for what no other piece covers; a vocabulary has exactly one.</summary>
    Unknown = 2,

    /// <summary>Inserted by id only (<c>&lt;pad&gt;</c>, <c>&lt;/s&gt;</c>); its spelling in a text is ordinary text.</summary>
    Control = 3,

    /// <summary>Protected from normalization and preferred over every split of it.</summary>
    UserDefined = 4,

    /// <summary>Keeps its id but is never produced.</summary>
    Unused = 5,

    /// <summary>One byte of an unknown character, spelled <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</summary>
    Byte = 6,
}
