namespace DistillEngine.Data.Batching;

/// <summary>Which label the student is trained on; written as <c>gold</c>, <c>teacher</c>, <c>gold-else-teacher</c>.</summary>
public enum LabelSource
{
    Gold,
    Teacher,

    /// <summary>The gold label where there is one.</summary>
    GoldElseTeacher,
}
