namespace DistillEngine.Data.Tokenization;

/// <summary>One entry of a vocabulary; its id is its position.</summary>
/// <param name="Text">Spelling, with U+2581 for a space.</param>
/// <param name="Score">Natural logarithm of the probability; only normal pieces use it.</param>
/// <param name="Type">What the piece is for.</param>
public readonly record struct SentencePiece(string Text, float Score, PieceType Type = PieceType.Normal);
