using DistillEngine.Teacher;
using DistillEngine.Teacher.Runs;
using Xunit;

namespace DistillEngine.Tests.Teacher.Runs;

public class JournalTests
{
    static readonly JournalEntry[] Entries =
    [
        Entry(0) with { Text = "It follows.\nSo the answer is \"yes\" – 😀.", Finish = "stop", Usage = new(40, 20, 8), Reasoning = "hm", RequestId = "r-1",
            Model = "m", Fingerprint = "fp" },
        Entry(1) with { Status = 429, Error = "rate_limited: status 429: slow down" },
        Entry(2) with { Text = "", Usage = new(40, null, null), Estimated = new(null, 64, null) },
    ];

    [Fact]
    public void Append_ThenRead_GivesTheSame()
    {
        using var folder = new TeacherFolder();
        Write(folder, Entries);
        Assert.Equal(Entries, TeacherFixtures.ReadJournal(folder.Path));
    }

    [Fact]
    public void Append_WritesTheLineAsDocumented()
    {
        using var folder = new TeacherFolder();
        Write(folder, [Entries[0]]);
        Assert.Equal("""{"t":"2026-11-24T10:00:00Z","key":"0123456789abcdef0123456789abcd00","id":"quiz/"""
            + """train/0","sample":0,"attempt":1,"status":200,"finish":"stop","text":"It follows.\n"""
            + """So the answer is \"yes\" – """ + "\\uD83D\\uDE00"
            + """.","reasoning":"hm","usage":{"in":40,"out":20,"cached":8},"model":"m","fp":"fp","ms":913,"req_id":"r-1","err":null}""" + "\n",
            File.ReadAllText(folder.File("journal.jsonl")));
    }

    [Fact]
    public void Open_AfterACutAtAnyByte_KeepsEveryWholeLineAndGoesOn()
    {
        using var folder = new TeacherFolder();
        string path = folder.File("journal.jsonl");
        Write(folder, Entries);
        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            // A line that lacks its line feed alone is whole.
            int expected = whole.AsSpan(0, length).Count((byte)'\n') + (length < whole.Length && whole[length] == '\n' ? 1 : 0);
            bool isTorn = length > 0 && whole[length - 1] != '\n' && !(length < whole.Length && whole[length] == '\n');
            var warnings = new List<string>();
            var read = new List<JournalEntry>();
            using (Journal journal = Journal.Open(folder.Path, Durability.AtTheEnd, TimeProvider.System, read.Add, warnings.Add)) journal.Append([Entries[2]]);
            Assert.Equal(Entries[..expected], read);
            Assert.Equal(isTorn ? 1 : 0, warnings.Count);
            Assert.Equal([.. Entries[..expected], Entries[2]], TeacherFixtures.ReadJournal(folder.Path));
        }
    }

    /// <summary>Some editors put a mark at the start of what they save.</summary>
    [Fact]
    public void Open_WithAByteOrderMarkAndATornLine_CutsOffTheTornLineAlone()
    {
        using var folder = new TeacherFolder();
        string path = folder.File("journal.jsonl");
        Write(folder, Entries);
        byte[] whole = File.ReadAllBytes(path);
        File.WriteAllBytes(path, [0xEF, 0xBB, 0xBF, .. whole[..^9]]);
        Journal.Open(folder.Path, Durability.AtTheEnd, TimeProvider.System, _ => { }, _ => { }).Dispose();
        Assert.Equal(Entries[..2], TeacherFixtures.ReadJournal(folder.Path));
        int kept = whole.AsSpan(0, whole.Length - 1).LastIndexOf((byte)'\n') + 1;
        Assert.Equal([0xEF, 0xBB, 0xBF, .. whole[..kept]], File.ReadAllBytes(path));
    }

    [Fact]
    public void Open_WhenAnotherLineIsDamaged_SaysWhichAndChangesNothing()
    {
        using var folder = new TeacherFolder();
        string path = folder.File("journal.jsonl");
        Write(folder, Entries);
        string[] lines = File.ReadAllLines(path);
        lines[1] = lines[1][..20];
        File.WriteAllLines(path, lines);
        byte[] before = File.ReadAllBytes(path);
        var error = Assert.Throws<InvalidDataException>(() => Journal.Open(folder.Path, Durability.AtTheEnd, TimeProvider.System, _ => { }, _ => { }));
        Assert.StartsWith($"{path}:2: ", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void Lock_WhileHeld_RefusesASecond()
    {
        using var folder = new TeacherFolder();
        using (RunLock.Take(folder.Path))
        {
            Assert.True(RunLock.IsHeld(folder.Path));
            Assert.Throws<RunInUseException>(() => RunLock.Take(folder.Path));
        }
        Assert.False(RunLock.IsHeld(folder.Path));
        RunLock.Take(folder.Path).Dispose();
    }

    [Fact]
    public async Task Lock_WhileOthersLook_IsFreeToAllOfThemAndToARun()
    {
        using var folder = new TeacherFolder();
        Assert.False(RunLock.IsHeld(folder.Path));
        RunLock.Take(folder.Path).Dispose();
        // What a look holds, for longer than it does.
        using (new FileStream(Directory.GetFiles(folder.Path).Single(), FileMode.Open, FileAccess.Read, FileShare.Read))
            Assert.False(RunLock.IsHeld(folder.Path));
        Task look = Task.Run(() =>
        {
            using var held = new FileStream(Directory.GetFiles(folder.Path).Single(), FileMode.Open, FileAccess.Read, FileShare.Read);
            Thread.Sleep(30);
        }, TestContext.Current.CancellationToken);
        for (int i = 0; i < 10; i++) RunLock.Take(folder.Path).Dispose();
        await look;
    }

    static JournalEntry Entry(int number) => new()
    {
        Time = new(2026, 11, 24, 10, 0, number, TimeSpan.Zero),
        Key = $"0123456789abcdef0123456789abcd{number:x2}",
        Id = $"quiz/train/{number}",
        Sample = 0,
        Attempt = 1,
        Status = 200,
        Milliseconds = 913,
    };

    static void Write(TeacherFolder folder, JournalEntry[] entries)
    {
        using Journal journal = Journal.Open(folder.Path, Durability.EveryLine, TimeProvider.System, _ => { }, _ => { });
        foreach (JournalEntry entry in entries) journal.Append([entry]);
    }
}
