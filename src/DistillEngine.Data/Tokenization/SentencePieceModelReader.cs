namespace DistillEngine.Data.Tokenization;

/// <summary>Reads <c>spiece.model</c>, a <c>ModelProto</c> of <c>sentencepiece_model.proto</c>.</summary>
static class SentencePieceModelReader
{
    const int UnigramModel = 1;

    /// <exception cref="InvalidDataException">The file is damaged, not a Unigram model, or breaks a rule of SentencePiece.</exception>
    public static SentencePieceModel Read(ReadOnlySpan<byte> file, string path)
    {
        var pieces = new List<SentencePiece>();
        var offsets = new List<int>();
        Trainer? trainer = null;
        NormalizerSettings? normalizer = null;
        NormalizerSettings? denormalizer = null;
        var reader = new ProtobufReader(file, path, "model");
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    offsets.Add(reader.Offset);
                    pieces.Add(ReadPiece(reader.Message($"piece {pieces.Count}")));
                    break;
                case 2: trainer = ReadTrainer(reader.Message("trainer_spec"), trainer ?? new()); break;
                case 3: normalizer = ReadNormalizer(reader.Message("normalizer_spec"), normalizer ?? new()); break;
                case 5: denormalizer = ReadNormalizer(reader.Message("denormalizer_spec"), denormalizer ?? new()); break;
                default: reader.Skip(); break;
            }
        }

        if (trainer is null || normalizer is null) // they follow the pieces, so a file that was cut between two pieces lacks them
            throw new InvalidDataException($"{path}: byte {file.Length}, the file ends after {pieces.Count} pieces without "
                + $"{(trainer is null ? "trainer_spec" : "normalizer_spec")}. " +
                "It is cut short or not a SentencePiece model; copy it again from its source.");
        if (trainer.ModelType != UnigramModel)
            throw new InvalidDataException($"{path}: trainer_spec.model_type is {trainer.ModelType} ({NameOf(trainer.ModelType)}), expected 1 (Unigram). " +
                "T5 and mT5 use Unigram vocabularies; give the spiece.model that belongs to the checkpoint.");
        var model = new SentencePieceModel
        {
            Pieces = pieces,
            Normalizer = normalizer with { TreatWhitespaceAsSuffix = trainer.TreatWhitespaceAsSuffix },
            Denormalizer = denormalizer is { CharacterMap.IsEmpty: false } ? denormalizer : null,
            ByteFallback = trainer.ByteFallback,
            UnknownSurface = trainer.UnknownSurface,
            PadPiece = trainer.PadPiece,
            EosPiece = trainer.EosPiece,
        };
        if (model.FindFault() is { } fault)
        {
            var where = fault.Piece < 0 ? "" : $"byte {offsets[fault.Piece]}, piece {fault.Piece} ";
            throw new InvalidDataException($"{path}: {where}{fault.Message}. The file is damaged or not a SentencePiece model; copy it again from its source.");
        }

        return model;
    }

    static SentencePiece ReadPiece(ProtobufReader reader)
    {
        var piece = new SentencePiece("", 0f);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1: piece = piece with { Text = reader.String() }; break;
                case 2: piece = piece with { Score = reader.Float() }; break;
                case 3: piece = piece with { Type = (PieceType)reader.Int32() }; break;
                default: reader.Skip(); break;
            }
        }

        return piece;
    }

    static Trainer ReadTrainer(ProtobufReader reader, Trainer trainer)
    {
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 3: trainer = trainer with { ModelType = reader.Int32() }; break;
                case 24: trainer = trainer with { TreatWhitespaceAsSuffix = reader.Bool() }; break;
                case 35: trainer = trainer with { ByteFallback = reader.Bool() }; break;
                case 44: trainer = trainer with { UnknownSurface = reader.String() }; break;
                case 47: trainer = trainer with { EosPiece = reader.String() }; break;
                case 48: trainer = trainer with { PadPiece = reader.String() }; break;
                default: reader.Skip(); break;
            }
        }

        return trainer;
    }

    static NormalizerSettings ReadNormalizer(ProtobufReader reader, NormalizerSettings settings)
    {
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1: settings = settings with { Name = reader.String() }; break;
                case 2: settings = settings with { CharacterMap = reader.Bytes().ToArray() }; break;
                case 3: settings = settings with { AddDummyPrefix = reader.Bool() }; break;
                case 4: settings = settings with { RemoveExtraWhitespaces = reader.Bool() }; break;
                case 5: settings = settings with { EscapeWhitespaces = reader.Bool() }; break;
                default: reader.Skip(); break;
            }
        }

        return settings;
    }

    static string NameOf(int modelType) => modelType switch { 2 => "BPE", 3 => "words", 4 => "characters", _ => "unheard of" };

    sealed record Trainer
    {
        public int ModelType { get; init; } = UnigramModel;

        public bool TreatWhitespaceAsSuffix { get; init; }

        public bool ByteFallback { get; init; }

        public string UnknownSurface { get; init; } = " \u2047 ";

        public string EosPiece { get; init; } = "</s>";

        public string PadPiece { get; init; } = "<pad>";
    }
}
