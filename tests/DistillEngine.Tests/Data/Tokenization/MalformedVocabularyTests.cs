using System.Buffers.Binary;
using System.Text;
using DistillEngine.Data.Tokenization;
using Xunit;

namespace DistillEngine.Tests.Data.Tokenization;

public sealed class MalformedVocabularyTests : IDisposable
{
    static readonly byte[] Unknown = Piece("<unk>", type: 2);
    static readonly byte[] Letter = Piece("a");
    static readonly byte[] Specs = [.. Message(2, 0x18, 1), .. Message(3)];

    readonly string _folder = Directory.CreateTempSubdirectory("vocabulary").FullName;

    public static TheoryData<string, byte[], string> Cases => new()
    {
        { "an empty file", [], "0 pieces" },
        { "a cut length", [0x0A, 0xFF], "byte 1" },
        { "a length beyond the file", [0x0A, 0x50, 1], "claims 80 bytes" },
        { "an endless number", [0x0A, .. Enumerable.Repeat((byte)0xFF, 11)], "longer than ten bytes" },
        { "field zero", [0x02, 0x00], "is not a field" },
        { "a group", [0x33, 0x34], "wire type 3" },
        { "a piece that is a number", [0x08, 0x01], "wire type 0, expected 2" },
        { "a score that is a double", [.. Message(1, 0x11, 0, 0, 0, 0, 0, 0, 0, 0)], "wire type 1, expected 5" },
        { "a cut score", [.. Message(1, 0x15, 0, 0)], "needs 4 bytes" },
        { "pieces only", [.. Unknown, .. Letter], "without trainer_spec" },
        { "no normalizer", [.. Unknown, .. Letter, .. Message(2)], "without normalizer_spec" },
        { "a BPE model", [.. Unknown, .. Letter, .. Message(2, 0x18, 2), .. Message(3)], "BPE" },
        { "a model of words", [.. Unknown, .. Letter, .. Message(2, 0x18, 3), .. Message(3)], "words" },
        { "no unknown piece", [.. Letter, .. Specs], "type unknown" },
        { "two unknown pieces", [.. Unknown, .. Piece("<oov>", type: 2), .. Letter, .. Specs], "piece 1 is a second unknown" },
        { "a piece twice", [.. Unknown, .. Letter, .. Letter, .. Specs], "piece 2 'a' is already defined" },
        { "an empty piece", [.. Unknown, .. Letter, .. Piece(""), .. Specs], "piece 2 is empty" },
        { "a piece with NUL", [.. Unknown, .. Piece("a\0"), .. Specs], "NUL" },
        { "a piece that is too long", [.. Unknown, .. Piece(new string('x', 8_000)), .. Specs], "longer than" },
        { "a piece that is not UTF-8", [.. Unknown, .. Message(1, 0x0A, 1, 0xC3), .. Specs], "not valid UTF-8" },
        { "a score that is not a number", [.. Unknown, .. Piece("a", score: float.NaN), .. Specs], "NaN" },
        { "an unheard-of type", [.. Unknown, .. Piece("a", type: 7), .. Specs], "type 7" },
        { "bytes without fallback", [.. Unknown, .. Letter, .. Piece("<0x00>", type: 6), .. Specs], "byte_fallback is false" },
        { "fallback without bytes", [.. Unknown, .. Letter, .. Message(2, 0x98, 2, 1), .. Message(3)], "<0x00> is missing" },
        { "no piece to find", [.. Unknown, .. Specs], "could be split" },
        { "a character map of three bytes", [.. Unknown, .. Letter, .. Specs, .. Map(1, 2, 3)], "too few" },
        { "a trie beyond the map", [.. Unknown, .. Letter, .. Specs, .. Map(Trie(units: 256, claimed: 4_096))], "says that its trie has 4096" },
        { "a trie of half a block", [.. Unknown, .. Letter, .. Specs, .. Map(Trie(units: 128))], "multiple of 1,024" },
        { "replacements without end", [.. Unknown, .. Letter, .. Specs, .. Map([.. Trie(units: 256)[..^1], 65])], "NUL" },
        { "a trie that points outside", [.. Unknown, .. Letter, .. Specs, .. Map(Trie(units: 256, root: 300u << 10))], "points outside" },
        { "a value behind the replacements", [.. Unknown, .. Letter, .. Specs, .. Map(TrieWithValue(99))], "behind the replacements" },
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Load_WhenTheFileIsDamaged_NamesFileAndPlace(string name, byte[] file, string place)
    {
        var path = Write(file);
        var error = Assert.Throws<InvalidDataException>(() => SentencePieceTokenizer.Load(path));
        Assert.True(error.Message.StartsWith(path, StringComparison.Ordinal) && error.Message.Contains(place, StringComparison.Ordinal),
            $"{name}: {error.Message}");
    }

    [Fact]
    public void Load_WhenTheSmallestSoundFileIsGiven_ReadsIt()
    {
        var tokenizer = SentencePieceTokenizer.Load(Write([.. Unknown, .. Letter, .. Specs, .. Map(TrieWithValue(0))]));
        Assert.Equal([0, 1], tokenizer.Encode("ba")); // "▁" is unknown, and the map turns b into nothing
    }

    [Fact]
    public void Load_WhenTheFileIsCutAnywhere_NeverGivesAVocabulary()
    {
        var whole = File.ReadAllBytes(Path.Combine(TokenizerGoldens.Folder("mini"), "spiece.model"));
        var random = new Random(3);
        for (var i = 0; i < 150; i++)
        {
            // Most cuts in the pieces at the beginning, where a cut may fall between two fields.
            var length = random.Next(i % 3 == 0 ? whole.Length : 12_000);
            var path = Write(whole[..length]);
            Assert.Throws<InvalidDataException>(() => SentencePieceTokenizer.Load(path));
        }
    }

    [Fact]
    public void Load_WhenBytesAreFlipped_ReadsOrRefusesButNeverFails()
    {
        const int Seed = 20;
        var whole = File.ReadAllBytes(Path.Combine(TokenizerGoldens.Folder("mini"), "spiece.model"));
        var random = new Random(Seed);
        var refused = 0;
        for (var i = 0; i < 300; i++)
        {
            var file = (byte[])whole.Clone();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
                file[random.Next(i % 2 == 0 ? file.Length : 9_000)] ^= (byte)(1 << random.Next(8));
            var path = Write(file);
            try
            {
                var tokenizer = SentencePieceTokenizer.Load(path);
                tokenizer.Decode(tokenizer.Encode("Ana has ½ of 12 apples、 ＡＢＣ e\u0301 \uD800 日本\0."));
            }
            catch (InvalidDataException e)
            {
                Assert.True(e.Message.StartsWith(path, StringComparison.Ordinal), $"seed {Seed}, round {i}: {e.Message}");
                refused++;
            }
        }

        Assert.InRange(refused, 30, 299);
    }

    [Fact]
    public void Load_WhenThereIsNoFile_SaysWhatWasExpected()
    {
        var missing = Path.Combine(_folder, "none");
        Assert.Contains("spiece.model", Assert.Throws<FileNotFoundException>(() => SentencePieceTokenizer.Load(missing)).Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer.json", Assert.Throws<FileNotFoundException>(() => SentencePieceTokenizer.Load(_folder)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"extra_ids": 7}""", 107)]
    [InlineData("""{"extra_ids": 0}""", 100)]
    [InlineData("""{"model_max_length": 512}""", 200)]
    public void Load_WhenSettingsLieBeside_TakesTheirCountOfSentinels(string settings, int size)
    {
        var pieces = ToyVocabulary.Pieces.Concat(Enumerable.Range(0, 85).Select(static i => new SentencePiece($"x{i}", -9))).ToArray();
        SentencePieceModelWriter.Write(Path.Combine(_folder, "spiece.model"), new SentencePieceModel { Pieces = pieces });
        File.WriteAllText(Path.Combine(_folder, "tokenizer_config.json"), settings);
        Assert.Equal(size, SentencePieceTokenizer.Load(_folder).VocabularySize);
    }

    [Theory]
    [InlineData("""{"extra_ids": -1}""")]
    [InlineData("""{"extra_ids": 2000000}""")]
    [InlineData("""{"extra_ids": "100"}""")]
    [InlineData("""{"extra_ids": """)]
    [InlineData("[]")]
    public void Load_WhenTheSettingsAreUnsound_NamesThem(string settings)
    {
        SentencePieceModelWriter.Write(Path.Combine(_folder, "spiece.model"), ToyVocabulary.Model);
        var path = Path.Combine(_folder, "tokenizer_config.json");
        File.WriteAllText(path, settings);
        Assert.StartsWith(path, Assert.Throws<InvalidDataException>(() => SentencePieceTokenizer.Load(_folder)).Message, StringComparison.Ordinal);
    }

    string Write(byte[] file)
    {
        var path = Path.Combine(_folder, "spiece.model");
        File.WriteAllBytes(path, file);
        return path;
    }

    static byte[] Message(int field, params byte[] content)
    {
        var length = content.Length;
        var head = new List<byte> { (byte)(field << 3 | 2) };
        for (; length >= 0x80; length >>= 7)
            head.Add((byte)(length | 0x80));
        return [.. head, (byte)length, .. content];
    }

    static byte[] Piece(string text, float score = -1, byte type = 1)
    {
        var four = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(four, score);
        return Message(1, [.. Message(1, Encoding.UTF8.GetBytes(text)), 0x15, .. four, 0x18, type]);
    }

    static byte[] Map(params byte[] map) => Message(3, Message(2, map));

    /// <summary>A map with an empty trie and one empty replacement.</summary>
    static byte[] Trie(int units, int? claimed = null, uint root = 0)
    {
        var map = new byte[4 + 4 * units + 1];
        BinaryPrimitives.WriteInt32LittleEndian(map, claimed ?? 4 * units);
        for (var i = 0; i < units; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(map.AsSpan(4 + 4 * i), i == 0 ? root : 0x8000_0000u);
        return map;
    }

    /// <summary>A map with one rule, from b to the replacement at <paramref name="value"/>.</summary>
    static byte[] TrieWithValue(uint value)
    {
        var map = Trie(units: 256);
        BinaryPrimitives.WriteUInt32LittleEndian(map.AsSpan(4 + 4 * 'b'), 'b' | 1u << 8 | (uint)('b' ^ 1) << 10); // its value is unit 1
        BinaryPrimitives.WriteUInt32LittleEndian(map.AsSpan(4 + 4 * 1), 0x8000_0000u | value);
        return map;
    }
}
