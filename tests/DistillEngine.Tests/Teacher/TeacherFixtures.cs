using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Wire;

namespace DistillEngine.Tests.Teacher;

/// <summary>Small rows, prompts and options for tests of the teacher client.</summary>
static class TeacherFixtures
{
    public static List<TeacherRow> Rows(int count) => [.. Enumerable.Range(0, count).Select(i => new TeacherRow($"quiz/train/{i}", "train", new SourceRow
    {
        Key = $"{i}", Input = $"Is {i} a number?", Label = "yes", Choices = null, Values = new Dictionary<string, FieldValue>(), Fields = [],
    }))];

    public static TeacherParameters Parameters { get; } = new() { MaxTokens = 64, Temperature = 0, Seed = 1, Stop = ["\nQ:"] };

    public static RunPlan Plan(int rows, int samples = 1) => new(Rows(rows), new PlainRenderer(), "fake-1", Parameters, samples);

    public static TeacherRequest Request(bool isChat = false, int sample = 0) => new("quiz/train/0", sample, "fake-1",
        isChat ? TeacherPrompt.Chat(new TeacherMessage("system", "Think."), new TeacherMessage("user", "Is 0 a number?"))
            : TeacherPrompt.Completion("Q: Is 0 a number?\nA:"), Parameters);

    public static OpenAiTeacher Client(FakeTeacherServer server, TimeProvider? time = null, string? key = null, double timeoutSeconds = 60) =>
        new(ServerAddress.Parse(server.BaseUrl), key is null
            ? ApiKey.None
            : ApiKey.Of(key, "test"), TimeSpan.FromSeconds(timeoutSeconds), 64, time ?? TimeProvider.System);

    public static RunnerOptions Options(int concurrency = 16, int attempts = 12) => new()
    {
        Concurrency = concurrency,
        Retry = new(attempts, TimeSpan.FromSeconds(60)),
    };

    public static List<JournalEntry> ReadJournal(string folder) => [.. JournalReader.Read(Path.Combine(folder, JournalReader.FileName))];

    sealed class PlainRenderer : IPromptRenderer
    {
        public string Sha256 => "00";

        public TeacherPrompt Render(TeacherRow row) => TeacherPrompt.Completion($"Q: {row.Source.Input}\nA:");
    }
}
