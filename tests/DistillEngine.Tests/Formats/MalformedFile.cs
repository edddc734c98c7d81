using System.Text;

namespace DistillEngine.Tests.Formats;

/// <summary>A model folder that breaks its format.</summary>
/// <param name="Contents">File names and bytes.</param>
/// <param name="Reason">What the error must say.</param>
sealed record MalformedFile(string Description, string Reason, params (string Name, byte[] Bytes)[] Contents)
{
    const string Index = "model.safetensors.index.json";

    static readonly byte[] Pair = BinFiles.Floats(1, 2);

    static readonly byte[] GoodShard = Safetensors("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", Pair);

    static readonly byte[] GoodPickle = Pickle.StateDictionary().Tensor("x", "0", 2, 0, [2], [1]).Close();

    static readonly byte[] GoodZip = BinFiles.Zip(GoodPickle, ("0", Pair));

    static readonly byte[] GoodLegacy = BinFiles.Legacy(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [2], [1], legacy: true).Close(), ("0", 2, Pair));

    public static IReadOnlyList<MalformedFile> All =>
    [
        new("no weights", "holds no model weights"),

        SafetensorsOf("empty file", "has 0 bytes", []),
        SafetensorsOf("half a length", "has 5 bytes", [1, 2, 3, 4, 5]),
        SafetensorsOf("header of 2^40 bytes", "exceeds the format's limit", BinFiles.Numbers(1L << 40)),
        SafetensorsOf("header of 2^64 - 1 bytes", "exceeds the format's limit", [255, 255, 255, 255, 255, 255, 255, 255, (byte)'{']),
        SafetensorsOf("header beyond the end", "the header needs 99000000 bytes, but only 2 follow", [.. BinFiles.Numbers(99_000_000L), .. "{}"u8]),
        SafetensorsOf("header of nothing", "does not start with '{'", BinFiles.Numbers(0L)),
        SafetensorsOf("header with a leading space", "does not start with '{'", Safetensors(" {}")),
        SafetensorsOf("header that is an array", "does not start with '{'", Safetensors("[]")),
        SafetensorsOf("header cut inside JSON", "not valid JSON", Safetensors("""{"x":""")),
        SafetensorsOf("text after the header's object", "not valid JSON", Safetensors("{} {}")),
        SafetensorsOf("header nested without end", "not valid JSON", Safetensors("""{"x":{"y":""" + new string('[', 5000))),
        SafetensorsOf("broken UTF-8 in a name", "not valid JSON", [.. BinFiles.Numbers(8L), .. "{\""u8, 0xC3, 0x28, .. "\":1}"u8]),
        SafetensorsOf("half a surrogate pair in a name", "not valid JSON", Safetensors("""{"\ud800":{}}""")),
        SafetensorsOf("same tensor twice", "names 'x' twice",
            Safetensors("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", Pair)),
        SafetensorsOf("tensor that is a number", "'x' is not described by an object", Safetensors("""{"x":1}""")),
        SafetensorsOf("no dtype", "'x' has no 'dtype'", Safetensors("""{"x":{"shape":[1],"data_offsets":[0,4]}}""", Pair)),
        SafetensorsOf("no shape", "'x' has no 'shape'", Safetensors("""{"x":{"dtype":"F32","data_offsets":[0,4]}}""", Pair)),
        SafetensorsOf("no offsets", "'x' has no 'data_offsets'", Safetensors("""{"x":{"dtype":"F32","shape":[1]}}""", Pair)),
        SafetensorsOf("dtype twice", "'x' gives 'dtype' twice", Safetensors("""{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", Pair)),
        SafetensorsOf("unknown dtype", "element type 'F8_E4M3'", Safetensors("""{"x":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}""", Pair)),
        SafetensorsOf("dtype that is a number", "element type ''", Safetensors("""{"x":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}""", Pair)),
        SafetensorsOf("shape that is a number", "'shape' that is not an array", Safetensors("""{"x":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", Pair)),
        SafetensorsOf("negative extent", "'shape' with an entry that is not an integer",
            Safetensors("""{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", Pair)),
        SafetensorsOf("fractional extent", "'shape' with an entry that is not an integer",
            Safetensors("""{"x":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", Pair)),
        SafetensorsOf("extent above 63 bits", "'shape' with an entry that is not an integer",
            Safetensors("""{"x":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}}""", Pair)),
        SafetensorsOf("shape whose product overflows to 2", "size exceeds 63 bits",
            Safetensors("""{"x":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,8]}}""", Pair)),
        SafetensorsOf("offsets in reverse", "expected [begin, end]", Safetensors("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", Pair)),
        SafetensorsOf("one offset", "expected [begin, end]", Safetensors("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", Pair)),
        SafetensorsOf("size against shape", "spans 8 bytes, but F32 [3] needs 12",
            Safetensors("""{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", Pair)),
        SafetensorsOf("hole before the first tensor", "the data has a hole", Safetensors("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", Pair)),
        SafetensorsOf("hole between tensors", "the data has a hole",
            Safetensors("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[6,8]}}""", Pair)),
        SafetensorsOf("tensors that overlap", "the data has an overlap",
            Safetensors("""{"x":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"y":{"dtype":"U8","shape":[6],"data_offsets":[2,8]}}""", Pair)),
        SafetensorsOf("data cut short", "the file is cut short", Safetensors("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", Pair[..7])),
        SafetensorsOf("tensor of 2^60 bytes", "the file is cut short",
            Safetensors("""{"x":{"dtype":"U8","shape":[1152921504606846976],"data_offsets":[0,1152921504606846976]}}""", Pair)),
        SafetensorsOf("bytes after the data", "the tensors end at data byte 8, but the file has 9",
            Safetensors("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", [.. Pair, 0])),
        SafetensorsOf("metadata that is a string", "'__metadata__' is not an object", Safetensors("""{"__metadata__":"pt"}""")),
        SafetensorsOf("metadata with a number", "'__metadata__' holds a value other than a string at 'format'",
            Safetensors("""{"__metadata__":{"format":1}}""")),
        SafetensorsOf("metadata key twice", "'__metadata__' names 'a' twice", Safetensors("""{"__metadata__":{"a":"1","a":"2"}}""")),
        SafetensorsOf("Git LFS pointer", "exceeds the format's limit", "version https://git-lfs.github.com/spec/v1\n"u8.ToArray()),

        IndexOf("index that is no JSON", "not valid JSON", "{"),
        IndexOf("index that is an array", "not a JSON object", "[]"),
        IndexOf("index without a map", "no object 'weight_map'", """{"metadata":{}}"""),
        IndexOf("index with a map of the wrong type", "no object 'weight_map'", """{"weight_map":["x"]}"""),
        IndexOf("index with an empty map", "'weight_map' is empty", """{"weight_map":{}}"""),
        IndexOf("index with a tensor twice", "not valid JSON", """{"weight_map":{"x":"a.safetensors","x":"a.safetensors"}}"""),
        IndexOf("index with a number for a file", "'x' is not mapped to a file name", """{"weight_map":{"x":1}}"""),
        IndexOf("index that leaves the folder", "not the name of a file beside the index", """{"weight_map":{"x":"../a.safetensors"}}"""),
        IndexOf("index with an absolute path", "not the name of a file beside the index", """{"weight_map":{"x":"/etc/passwd"}}"""),
        IndexOf("index with a Windows path", "not the name of a file beside the index", """{"weight_map":{"x":"..\\a.safetensors"}}"""),
        IndexOf("index with a drive", "not the name of a file beside the index", """{"weight_map":{"x":"c:a.safetensors"}}"""),
        IndexOf("index with the parent folder", "not the name of a file beside the index", """{"weight_map":{"x":".."}}"""),
        IndexOf("index with a null character", "not the name of a file beside the index", """{"weight_map":{"x":"a\u0000"}}"""),
        IndexOf("index with a missing shard", "the file 'b.safetensors', which is missing", """{"weight_map":{"x":"b.safetensors"}}"""),
        IndexOf("tensor absent from its shard", "'y' is mapped to 'a.safetensors', which does not hold it",
            """{"weight_map":{"x":"a.safetensors","y":"a.safetensors"}}""", ("a.safetensors", GoodShard)),
        IndexOf("tensor absent from the index", "'y' stands in 'b.safetensors', but not in the index",
            """{"weight_map":{"x":"a.safetensors","z":"b.safetensors"}}""", ("a.safetensors", GoodShard),
            ("b.safetensors", Safetensors(
                """{"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", Pair))),
        IndexOf("tensor in two shards", "'x' stands in both 'a.safetensors' and 'b.safetensors'",
            """{"weight_map":{"x":"a.safetensors","z":"b.safetensors"}}""", ("a.safetensors", GoodShard),
            ("b.safetensors", Safetensors(
                """{"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", Pair))),
        IndexOf("broken shard", "has 3 bytes", """{"weight_map":{"x":"a.safetensors"}}""", ("a.safetensors", [1, 2, 3])),
        new("index of bin files with a missing shard", "the file 'b.bin', which is missing",
            ("pytorch_model.bin.index.json", """{"weight_map":{"x":"b.bin"}}"""u8.ToArray())),

        BinOf("empty bin", "neither a zip nor a legacy file", []),
        BinOf("bin that is text", "neither a zip nor a legacy file", "version https://git-lfs.github.com/spec/v1\n"u8.ToArray()),
        BinOf("zip cut short", "the zip directory is missing", GoodZip[..^30]),
        BinOf("zip without a pickle", "holds no data.pkl", BinFiles.Archive([("archive/readme", [1])])),
        BinOf("zip with two pickles", "two pickles", BinFiles.Archive([("a/data.pkl", GoodPickle), ("b/data.pkl", GoodPickle)])),
        BinOf("zip with an entry twice", "holds 'a/data.pkl' twice", BinFiles.Archive([("a/data.pkl", GoodPickle), ("a/data.pkl", GoodPickle)])),
        BinOf("compressed entry", "compressed or encrypted", BinFiles.Archive([("a/data.pkl", GoodPickle)], method: 8)),
        BinOf("entry that claims 4 GB", "claims 4294967294 bytes", BinFiles.Archive([("a/data.pkl", GoodPickle)], claimedBytes: uint.MaxValue - 1)),
        BinOf("entry without its 64-bit size", "lacks its 64-bit sizes", BinFiles.Archive([("a/data.pkl", GoodPickle)], claimedBytes: uint.MaxValue)),
        BinOf("big-endian zip", "the byte order is not 'little'", BinFiles.Archive([("a/data.pkl", GoodPickle), ("a/byteorder", "big"u8.ToArray())])),
        BinOf("storage absent from the zip", "'archive/data/0' is missing", BinFiles.Zip(GoodPickle)),
        BinOf("storage of the wrong size", "storage '0' has 7 bytes, but the pickle says 2 elements", BinFiles.Zip(GoodPickle, ("0", Pair[..7]))),
        BinOf("storage key that leaves the folder", "'archive/data/../x' is missing",
            ZipOf(Pickle.StateDictionary().Tensor("x", "../x", 2, 0, [2], [1]).Close())),

        BinOf("pickle without an end", "the pickle is cut short", ZipOf(GoodPickle[..^1])),
        BinOf("empty pickle", "the pickle is cut short", ZipOf([])),
        BinOf("pickle of protocol 9", "protocol 9", ZipOf([0x80, 9, (byte)'.'])),
        BinOf("pickle with another global", "the global 'os.system'", ZipOf(new Pickle().Global("os", "system").Op('.').ToArray())),
        BinOf("pickle with another stack global", "the global 'builtins.eval'", ZipOf(new Pickle().Text("builtins").Text("eval").Raw(0x93).Op('.').ToArray())),
        BinOf("pickle with an INST opcode", "opcode 0x69", ZipOf(new Pickle().Op('(').Op('i').Raw("os\nsystem\n"u8.ToArray()).Op('.').ToArray())),
        BinOf("pickle that makes an object", "opcode 0x81", ZipOf(new Pickle().Global("collections", "OrderedDict").Op(')').Raw(0x81).Op('.').ToArray())),
        BinOf("pickle with an extension", "opcode 0x82", ZipOf(new Pickle().Raw(0x82, 1).Op('.').ToArray())),
        BinOf("pickle that calls a string", "calls something that is no known global", ZipOf(new Pickle().Text("os.system").Op(')').Op('R').Op('.').ToArray())),
        BinOf("pickle that calls a storage class", "called with unexpected arguments",
            ZipOf(new Pickle().Global("torch", "FloatStorage").Op(')').Op('R').Op('.').ToArray())),
        BinOf("string of 2^32 bytes", "a string claims 4294967295 bytes", ZipOf(new Pickle().Op('X').UInt32(uint.MaxValue).Op('.').ToArray())),
        BinOf("string of 2^64 bytes", "a string claims 18446744073709551615 bytes",
            ZipOf(new Pickle().Raw(0x8D).Raw(255, 255, 255, 255, 255, 255, 255, 255).Op('.').ToArray())),
        BinOf("string that is not UTF-8", "a string is not UTF-8", ZipOf(new Pickle().Op('U').Raw(1, 255).Op('.').ToArray())),
        BinOf("integer above 64 bits", "an integer exceeds 64 bits", ZipOf(new Pickle().Raw(0x8A, 9).Raw(new byte[9]).Op('.').ToArray())),
        BinOf("value from an empty stack", "a value that is not there", ZipOf(new Pickle().Op('R').Op('.').ToArray())),
        BinOf("group that was never opened", "never opened", ZipOf(new Pickle().Op('t').Op('.').ToArray())),
        BinOf("memo that was never stored", "recalls value 5", ZipOf(new Pickle().Op('h').Raw(5).Op('.').ToArray())),
        BinOf("more than one result", "values left over", ZipOf(new Pickle().Op('N').Op('N').Op('.').ToArray())),
        BinOf("pickle of many objects", "more than 262144 objects", ZipOf([0x80, 2, .. Enumerable.Repeat((byte)'N', 300_000)])),
        BinOf("pickle of many groups", "more than 262144 objects", ZipOf([0x80, 2, .. Enumerable.Repeat((byte)'(', 300_000)])),
        BinOf("key without a value", "a key without a value", ZipOf(new Pickle().Op('}').Op('(').Text("x").Op('u').Op('.').ToArray())),
        BinOf("key that is no string", "a key that is no string", ZipOf(new Pickle().Op('}').Op('N').Op('N').Op('s').Op('.').ToArray())),
        BinOf("key twice", "holds 'x' twice", ZipOf(Pickle.StateDictionary().Text("x").Op('N').Text("x").Op('N').Close())),
        BinOf("result that is a list", "no dictionary of tensors", ZipOf(new Pickle().Op(']').Op('.').ToArray())),
        BinOf("entry that is no tensor", "'epoch' is no tensor", ZipOf(Pickle.StateDictionary().Text("epoch").Integer(3).Close())),
        BinOf("persistent id that is no storage", "a persistent id does not describe a storage", ZipOf(new Pickle().Op('N').Op('Q').Op('.').ToArray())),
        BinOf("tensor beyond its storage", "leaves its storage of 2 elements", ZipOf(Pickle.StateDictionary().Tensor("x", "0", 2, 1, [2], [1]).Close())),
        BinOf("tensor of 2^62 elements", "views a storage of only 2 elements", ZipOf(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [1L << 62], [0]).Close())),
        BinOf("tensor whose count overflows", "views a storage of only 2 elements",
            ZipOf(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [1L << 32, 1L << 32], [0, 0]).Close())),
        BinOf("tensor with a giant stride", "leaves its storage of 2 elements",
            ZipOf(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [2], [long.MaxValue]).Close())),
        BinOf("tensor with a negative stride", "an extent or stride that is not an integer",
            ZipOf(Pickle.StateDictionary().Tensor("x", "0", 2, 1, [2], [-1]).Close())),
        BinOf("tensor with a negative offset", "starts at element -1", ZipOf(Pickle.StateDictionary().Tensor("x", "0", 2, -1, [2], [1]).Close())),
        BinOf("tensor with two shapes and one stride", "2 extents and 1 strides", ZipOf(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [1, 2], [1]).Close())),
        BinOf("storage of 2^62 elements", "storage '0' has 8 bytes", ZipOf(Pickle.StateDictionary().Tensor("x", "0", 1L << 62, 0, [1L << 59], [1]).Close())),
        BinOf("storage with a negative count", "storage '0' has -1 elements", ZipOf(Pickle.StateDictionary().Tensor("x", "0", -1, 0, [0], [1]).Close())),
        BinOf("storage described in two ways", "described in two ways",
            ZipOf(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [2], [1]).Tensor("y", "0", 2, 0, [2], [1], "IntStorage").Close())),

        BinOf("legacy file without anything else", "the pickle is cut short", GoodLegacy[..15]),
        BinOf("legacy file of another protocol", "protocol is not 1001", [.. GoodLegacy[..17], 0x8A, 1, 7, (byte)'.', .. GoodLegacy[28..]]),
        BinOf("legacy storage cut short", "it is cut short", GoodLegacy[..^1]),
        BinOf("legacy storage without a count", "cut short before a storage", GoodLegacy[..^9]),
        BinOf("legacy bytes after the end", "1 bytes follow the last storage", [.. GoodLegacy, 0]),
        BinOf("legacy storage of another count", "has 3 elements, but the pickle says 2",
            BinFiles.Legacy(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [2], [1], legacy: true).Close(), ("0", 3, Pair))),
        BinOf("legacy storage of 2^61 elements", "it is cut short",
            BinFiles.Legacy(Pickle.StateDictionary().Tensor("x", "0", 1L << 61, 0, [2], [1], legacy: true).Close(), ("0", 1L << 61, Pair))),
        BinOf("legacy storage twice", "listed twice",
            BinFiles.Legacy(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [2], [1], legacy: true).Close(), ("0", 2, Pair), ("0", 2, Pair))),
        BinOf("legacy storage without data", "storage '0' has no data",
            BinFiles.Legacy(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [2], [1], legacy: true).Close())),
        BinOf("legacy storage that nothing uses", "names one that no tensor uses", BinFiles.Legacy(Pickle.StateDictionary().Close(), ("0", 2, Pair))),
        BinOf("legacy view beyond its storage", "a view of storage '0' leaves its 2 elements",
            BinFiles.Legacy(Pickle.StateDictionary().Tensor("x", "0", 2, 0, [2], [1], view: ("v", 1, 2)).Close(), ("0", 2, Pair))),

        new("config that is empty", "not valid JSON", ("config.json", [])),
        new("config that is a string", "not a JSON object", ("config.json", "\"x\""u8.ToArray())),
        new("config with a key twice", "not valid JSON", ("config.json", """{"a":1,"a":2}"""u8.ToArray())),
        new("config with NaN", "not valid JSON", ("config.json", """{"a":NaN}"""u8.ToArray())),
        new("config with broken UTF-8", "not valid JSON", ("config.json", [.. "{\"a\":\""u8, 0xFF, .. "\"}"u8])),
        new("config nested without end", "not valid JSON", ("config.json", Encoding.UTF8.GetBytes("{\"a\":" + new string('[', 100_000)))),
    ];

    static byte[] ZipOf(byte[] pickle) => BinFiles.Zip(pickle, ("0", Pair));

    static byte[] Safetensors(string header, byte[]? data = null)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        return [.. BinFiles.Numbers((long)json.Length), .. json, .. data ?? []];
    }

    static MalformedFile SafetensorsOf(string description, string reason, byte[] bytes) => new(description, reason, ("model.safetensors", bytes));

    static MalformedFile IndexOf(string description, string reason, string json, params (string, byte[])[] shards) =>
        new(description, reason, [(Index, Encoding.UTF8.GetBytes(json)), .. shards]);

    static MalformedFile BinOf(string description, string reason, byte[] bytes) => new(description, reason, ("pytorch_model.bin", bytes));
}
