using System.Text.RegularExpressions;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Cli;

public class HelpTests
{
    /// <summary>Verbs and the options that scripts rely on.</summary>
    public static TheoryData<string, string> Verbs => new()
    {
        { "", "demo train eval predict data inspect verify bench doctor" },
        { "demo", "--output" },
        { "train", "--data --task --model --tokenizer --output --method --alpha --steps --batch --accumulate --accumulate-mean --optimizer --lr "
            + "--schedule --warmup --clip "
            + "--dropout --seed --threads --device --save-every --eval-every --keep --label-source --on-mismatch --resume --profile --json" },
        { "eval", "--model --data --task --weights --batch --max-new-tokens --min-new-tokens --repetition-penalty --no-repeat-ngram --threads "
            + "--profile --json" },
        { "predict", "TEXT --model --input --explain --weights --jsonl --max-new-tokens" },
        { "data", "import stats preview validate sample" },
        { "data import", "dss" },
        { "data import dss", "--task --split --input --output --json" },
        { "data stats", "FILE --task --tokenizer --json" },
        { "data preview", "FILE --row --tokenizer --task" },
        { "data validate", "FILE --task" },
        { "data sample", "FILE --rows --output --seed" },
        { "inspect", "PATH --json" },
        { "verify", "--golden --data --device --json" },
        { "bench", "roofline step decode" },
        { "bench roofline", "--threads --device --json" },
        { "bench step", "--model --batch --source --target --step-by-step --dtype --optimizer --threads --device --profile --json" },
        { "bench decode", "--model --batch --source --tokens --weights --threads --device --profile --json" },
        { "doctor", "doctor" },
    };

    [Theory, MemberData(nameof(Verbs))]
    public void Help_OfEveryVerb_ListsWhatItTakes(string verb, string words)
    {
        CliResult result = CliResult.Of([.. verb.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        Assert.True(result.Code == 0, result.ToString());
        Assert.Empty(result.Error);
        Assert.All(words.Split(' '), word => Assert.Contains(word, result.Output, StringComparison.Ordinal));
    }

    public static TheoryData<string, string> Mistakes => new()
    {
        { "trian --data x", "train" },
        { "inspct x", "inspect" },
        { "data valdate x", "validate" },
        { "inspect x --jsn", "--json" },
        { "train --data d --task t --model m --output o --stepz 3", "--steps" },
    };

    [Theory, MemberData(nameof(Mistakes))]
    public void Run_OfAMisspeltWord_SuggestsTheRightOne(string line, string suggestion)
    {
        CliResult result = CliResult.Of(line.Split(' '));
        Assert.True(result.Code == 2 && result.Output.Length == 0, result.ToString());
        Assert.Contains(suggestion, result.Error, StringComparison.Ordinal);
        Assert.Contains("--help", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> WrongUses => new()
    {
        { "train --data d --task t --model m", "--output" },
        { "train --data d --task t --model m --output o --steps 0", "--steps is 0" },
        { "train --data d --task t --model m --output o --alpha 1.5", "--alpha is 1.5" },
        { "train --data d --task t --model m --output o --batch -1", "--batch is -1" },
        { "train --data d --task t --model m --output o --method both", "--method is 'both'" },
        { "train --data d --task t --model m --output o --dropout 1", "--dropout is 1" },
        { "train --data d --task t --model m --output o --optimizer lion", "lion" },
        { "train --data d --task t --model m --output o --clip NaN", "--clip is 'NaN', expected a number" },
        { "train --data d --task t --model m --output o --patience 3", "--eval-every" },
        { "train --data d --task t --model m --output o --device cuda:99", "--device cuda:99: there is no such device" },
        { "train --data d --task t --model m --output o --threads -2", "--threads is -2" },
        { "train --data d --task t --model m --output o --threads 5000", "--threads is 5000" },
        { "data sample x --rows 0 --output o", "--rows is 0" },
        { "data preview x --row -1 --tokenizer t", "--row is -1" },
        { "eval --model m --data d --batch 0", "--batch is 0" },
        { "eval --model m --data d --weights int2", "--weights is 'int2', expected one of f32, bf16, int8, int4" },
        { "train --data d --task t --model m --output o --steps ten", "--steps is 'ten', expected a whole number." },
        { "train --data d --task t --model m --output o --lr fast", "--lr is 'fast', expected a number." },
        { "train --data d --task t --model m --output o --seed -1", "--seed is '-1', expected a whole number, at least 0." },
        { "train --data d --task t --model m --output o --threads all", "--threads is 'all', expected a whole number up to 2147483647." },
        { "bench decode --model tiny --tokens 99999999999", "--tokens is '99999999999', expected a whole number up to 2147483647." },
        { "bench step --model tiny --target x", "--target is 'x', expected a whole number up to 2147483647." },
        { "train --data d --task t --model m --output o --schedule steep", "There is no schedule 'steep'" },
        { "train --data d --task t --model m --output o --steps 5 --warmup 6", "shorten the warm-up" },
        { "inspect", "PATH" },
        { "predict", "--model" },
    };

    [Theory, MemberData(nameof(WrongUses))]
    public void Run_OfAWrongUse_SaysWhatIsWrong(string line, string reason)
    {
        CliResult result = CliResult.Of(line.Split(' '));
        Assert.True(result.Code == 2 && result.Output.Length == 0, result.ToString());
        Assert.Contains(reason, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_ShowsTheMachine()
    {
        CliResult result = CliResult.Of("doctor");
        Assert.Equal((0, ""), (result.Code, result.Error));
        Assert.All((string[])["processor", "instruction sets", "caches", "memory", "huge pages", "threads", "devices"], word =>
            Assert.Contains(word, result.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void Doctor_OfInstructionSets_NamesTheDotProductsThatLinuxShows()
    {
        if (CpuIsas.Obstacle(CpuIsa.Avx512) is { } obstacle) Assert.Skip(obstacle);
        if (!File.Exists("/proc/cpuinfo")) Assert.Skip("There is no /proc/cpuinfo.");
        string[] flags = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("flags", StringComparison.Ordinal)).Split(' ');
        string[] shown = Row("instruction sets").Split(' ');
        Assert.All((string[])["avx_vnni", "avx512_vnni", "avx512_bf16"], set => Assert.Equal(flags.Contains(set), shown.Contains(set)));
    }

    [Fact]
    public void Doctor_OfHugePages_ShowsTheSystemsSetting()
    {
        const string file = "/sys/kernel/mm/transparent_hugepage/enabled";
        string row = Row("huge pages");
        if (File.Exists(file)) Assert.Contains($"[{row.Split(' ', ':')[0]}]", File.ReadAllText(file), StringComparison.Ordinal);
        else Assert.StartsWith("none", row, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_OfCaches_ShowsThemAndTheBlocksThatFollow() =>
        Assert.Matches($"^{Regex.Escape($"{ProcessorCaches.Machine}")}; products pack [1-9]\\d* rows × [1-9]\\d* words, [1-9]\\d* columns$", Row("caches"));

    /// <summary>What doctor says under a name.</summary>
    static string Row(string name) =>
        Assert.Single(CliResult.Of("doctor").OutputLines, line => line.StartsWith($"{name} ", StringComparison.Ordinal))[name.Length..].Trim();
}
