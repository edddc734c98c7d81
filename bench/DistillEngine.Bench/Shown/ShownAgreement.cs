using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Rationales;
using DistillEngine.Kernels;
using DistillEngine.Training;
using DistillEngine.Training.Demo;

namespace DistillEngine.Bench.Shown;

/// <summary>How often low forms of the weights choose the tokens that float32 chooses: trained models of the demo, one a seed, answer and explain the
/// questions they have not seen, each form going on from its own tokens.</summary>
static class ShownAgreement
{
    static readonly WeightForm[] Forms = [WeightForm.BF16, WeightForm.Int8, WeightForm.Int4];

    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable("Tokens of low forms that are those of float32", "99 % in int8, each form going on from its own tokens",
            new("model", "trained with seed"), new("weights", "weights"), new("tokens", "tokens of float32"), new("equal", "equal at their place", "P2"),
            new("first", "equal up to the first difference", "P2"), new("differing", "sequences that differ"), new("sequences", "of"));
        var all = Forms.Select(_ => new Agreement()).ToArray();
        using CpuBackend backend = CpuBackend.Open(sizes.AllThreads);
        foreach (ulong seed in sizes.AgreementSeeds)
            for (var (i, each) = (0, Measure(backend, seed, sizes.AgreementSteps)); i < Forms.Length; i++)
            {
                Add(seed.ToString(), Forms[i], each[i]);
                all[i] += each[i];
            }
        for (int i = 0; i < Forms.Length; i++) Add("all", Forms[i], all[i]);
        return table;

        void Add(string model, WeightForm form, Agreement a) => table.Add(model, form.ToString(), a.Tokens, (double)a.Equal / a.Tokens,
            (double)a.EqualToFirst / (a.EqualToFirst + a.Differing), a.Differing, a.Sequences);
    }

    /// <summary>One for each form.</summary>
    static Agreement[] Measure(CpuBackend backend, ulong seed, long steps)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("distill-agreement-");
        try
        {
            DemoData data = DemoData.Write(folder.FullName, seed);
            TrainingOptions options = data.Options(TrainingMethod.StepByStep, steps, seed);
            new TrainingRun(options, backend, new Silent()).Execute();
            RationaleRow[] rows = [.. RationaleReader.ReadAll(data.TestPath)];
            int[][] exact = Generate(options.Output, rows, backend, WeightForm.F32);
            return [.. Forms.Select(form => Agreement.Of(exact, Generate(options.Output, rows, backend, form)))];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>The answers to all rows, then the rationales, with <c>&lt;/s&gt;</c>.</summary>
    static int[][] Generate(string model, RationaleRow[] rows, CpuBackend backend, WeightForm form)
    {
        using StudentModel student = StudentModel.Open(model, null, backend, form);
        IReadOnlyList<string>[] inputs = [.. rows.Select(row => TrainingSelection.Segments(row, student.Task))];
        int[][] sources = [.. student.Encode(inputs, TaskKind.Label), .. student.Encode(inputs, TaskKind.Rationale)];
        using BatchGenerator generator = student.Generator(sources, DemoData.EvaluationRows, DemoData.Generation);
        return [.. generator.Generate(sources).Select(ids => (int[])[.. ids, student.Tokenizer.EosId])];
    }

    /// <summary>Counts over sequences.</summary>
    /// <param name="Tokens">Of float32.</param>
    /// <param name="Equal">That are equal at their place.</param>
    /// <param name="EqualToFirst">That come before their sequence's first difference.</param>
    /// <param name="Differing">Sequences with a difference.</param>
    readonly record struct Agreement(long Tokens, long Equal, long EqualToFirst, long Differing, long Sequences)
    {
        public static Agreement operator +(Agreement a, Agreement b) => new(a.Tokens + b.Tokens, a.Equal + b.Equal, a.EqualToFirst + b.EqualToFirst,
            a.Differing + b.Differing, a.Sequences + b.Sequences);

        public static Agreement Of(int[][] expected, int[][] got) =>
            expected.Zip(got, Of).Aggregate(new Agreement(), (sum, one) => sum + one);

        static Agreement Of(int[] expected, int[] got)
        {
            int common = expected.AsSpan().CommonPrefixLength(got);
            return new(expected.Length, expected.Zip(got).Count(pair => pair.First == pair.Second), common, common < expected.Length ? 1 : 0, 1);
        }
    }

    sealed class Silent : ITrainingObserver
    {
        public void Planned(TrainingPlan plan)
        {
        }

        public void Resumed(long step, string? otherDevice)
        {
        }

        public void Stepped(in StepReport report, double tokensPerSecond)
        {
        }

        public void Evaluated(long step, EvaluationResult result, bool isBest)
        {
        }

        public void Saved(long step, string path)
        {
        }
    }
}
