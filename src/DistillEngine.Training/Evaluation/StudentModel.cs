using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Tasks;
using DistillEngine.Data.Tokenization;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Training;

/// <summary>A trained model as its users see it: folder, task and tokenizer, ready to answer and to explain.</summary>
public sealed class StudentModel : IDisposable
{
    readonly ModelFolder _folder;
    readonly IBackend _backend;
    readonly WeightForm _form;
    readonly TaskEncoder _encoder;
    T5Model? _model;

    StudentModel(ModelFolder folder, SentencePieceTokenizer tokenizer, TaskDefinition task, StudentFile? file, IBackend backend, WeightForm form)
    {
        (_folder, Tokenizer, Task, File, _backend, _form) = (folder, tokenizer, task, file, backend, T5Model.FormForGeneration(backend, form));
        _encoder = NewEncoder();
    }

    public SentencePieceTokenizer Tokenizer { get; }

    public TaskDefinition Task { get; }

    /// <summary>How it was trained; null for a model from elsewhere.</summary>
    public StudentFile? File { get; }

    public TrainingMethod Method => File?.Method ?? TrainingMethod.StepByStep;

    /// <param name="path">A model folder.</param>
    /// <param name="task">Built-in name or path of a task file; null: the one the folder was trained on.</param>
    /// <param name="form">How matrices are held while decoding.</param>
    /// <exception cref="InvalidDataException">The folder, its tokenizer or the task cannot be used.</exception>
    public static StudentModel Open(string path, string? task, IBackend backend, WeightForm form = WeightForm.F32)
    {
        ModelFolder folder = ModelFolder.Open(path);
        try
        {
            StudentFile? file = StudentFile.TryRead(path);
            TaskDefinition definition = task is not null ? TaskReader.Load(task) : file?.LoadTask(path)
                ?? throw new InvalidDataException($"{path}: holds no {StudentFile.FileName}, so its task is unknown; give --task.");
            SentencePieceTokenizer tokenizer = SentencePieceTokenizer.Load(path);
            TokenizerFiles.RequireFit(tokenizer, path, folder.Config, path);
            return new StudentModel(folder, tokenizer, definition, file, backend, form);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>An encoder as this model was trained with.</summary>
    public TaskEncoder NewEncoder() => new(Task.Student, Tokenizer, Method);

    /// <inheritdoc cref="TaskEncoder.Cuts"/>
    public string Cuts => _encoder.Cuts;

    /// <summary>Ids of the sources of one of the two tasks.</summary>
    public int[][] Encode(IReadOnlyList<IReadOnlyList<string>> inputs, TaskKind kind)
    {
        var ids = new List<int>();
        int[][] sources = new int[inputs.Count][];
        for (int i = 0; i < sources.Length; i++)
        {
            ids.Clear();
            _encoder.EncodeInput(inputs[i], kind, ids);
            sources[i] = [.. ids];
        }
        return sources;
    }

    /// <summary>A generator for these sources, and any others that are neither longer nor more at a time; valid until the next call.</summary>
    /// <param name="rows">Sources decoded at a time.</param>
    /// <exception cref="InsufficientMemoryException">The machine has less memory than that takes.</exception>
    public BatchGenerator Generator(IReadOnlyList<int[]> sources, int rows, GenerationOptions options)
    {
        BatchLimits limits = BatchGenerator.LimitsFor(sources, rows);
        _model?.Dispose();
        _model = null;
        // A configuration that does not fit its weights would ask for any memory.
        _folder.CheckWeights();
        RequireMemory(limits, options);
        _model = new T5Model(_folder.Config, limits, _backend, training: false, _form);
        _folder.LoadInto(_model);
        return new BatchGenerator(_model, options with { VocabularySize = Tokenizer.VocabularySize }, rows);
    }

    void RequireMemory(BatchLimits limits, GenerationOptions options)
    {
        // Other devices say themselves when their memory is used up.
        if (_backend is not CpuBackend) return;
        long needed = T5Model.Measure(_folder.Config, limits, training: false, _form).Total
            + GreedyGenerator.ByteLength(_folder.Config, limits.MaxSequences, options.MaxNewTokens, limits.MaxSourceTokens, options.CacheType);
        long free = SystemMemory.AvailableBytes;
        if (needed > free)
            throw new InsufficientMemoryException(
                $"Decoding needs {needed >> 20:N0} MiB, {free >> 20:N0} MiB are free. Lower --batch or --max-new-tokens.");
    }

    public void Dispose()
    {
        _model?.Dispose();
        _folder.Dispose();
    }
}
